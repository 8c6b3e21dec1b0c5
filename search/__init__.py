"""Finding listings: one tokeniser, one list of fields, one port, and three engines that answer alike."""
