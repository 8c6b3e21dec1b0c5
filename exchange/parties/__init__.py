"""Who acts: parties (organisations and persons), their people with roles, logins, tokens, and what each may do."""
