"""Which column holds which field: headers in Chinese and English, by name and never by position."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from exchange.core.errors import N_
from exchange.rights.formats.record import Column, Refused

#: Most columns of a table, and the row within which the header must stand.
MOST_COLUMNS: Final = 100
HEADER_WITHIN: Final = 10

_WORDS: Final[dict[str, str]] = {
    "app_no": "申请号 申请号码 专利申请号 申请号/专利号 专利号/申请号 申请号(专利号) 专利申请(号) 申请编号 "
    "application_no app_no appno application_number applicationno applicationnumber application appnumber "
    "filing_no apply_no application_no. appl_no zhuanlisqh",
    "patent_no": "专利号 专利证号 专利号码 patent_no patent_number patentno patentnumber",
    "reg_no": "登记号 注册号 登记(注册)号 注册号/登记号 登记证号 证书号 品种权号 商标注册号 registration_no "
    "reg_no registration_number certificate_no",
    "pub_no": "公开(公告)号 公开号 公告号 公开/公告号 公开公告号 授权公告号 公布号 公告(公开)号 pubno pub_no "
    "publication_no publication_number publication_numbers publicationno publicationnumber pubnumber 文献号",
    "pub_date": "公开(公告)日 公开日 公告日 公开日期 公告日期 公开(公告)日期 公开公告日 公开/公告日 授权公告日 "
    "公布日 pubtime pub_date publication_date pubdate publicationdate",
    "filed_on": "申请日 申请日期 申请时间 专利申请日 提交日 filing_date filed_on application_date app_date "
    "appdate filingdate applicationdate date_filed shenqingr",
    "granted_on": "授权日 授权日期 授予日 授权公告日期 颁证日 发证日 注册日期 登记日期 注册日 登记日 grant_date granted_on "
    "granteddate grantdate registered_on registration_date issue_date",
    "title": "名称 题名 标题 专利名称 发明名称 发明创造名称 专利标题 项目名称 权利名称 title name 商标名称 软件名称 "
    "invention_title patent_title 标题(中文) 中文标题 名称/标题 zhuanlimc",
    "abstract": "摘要 专利摘要 摘要(中文) 简介 summary abstract abs",
    "main_claim": "主权项 主权利要求 独立权利要求 首项权利要求 首权 权利要求 权利要求1 claims main_claim claim "
    "first_claim 主权利要求(首权)",
    "applicants": "申请人 专利权人 权利人 申请(专利权)人 申请人/专利权人 专利权人/申请人 当前权利人 当前专利权人 "
    "申请(权利)人 注册人 著作权人 权利人名称 applicant applicants assignee assignees patentee patentees owner owners "
    "right_holder 当前申请(专利权)人 第一申请人 applicantname patenteename shenqingrxm",
    "inventors": "发明人 设计人 发明(设计)人 发明人/设计人 作者 发明设计人 完成人 inventor inventors author authors designer "
    "inventorname famingrxm",
    "region": "地区 省份 省市 国省名称 国省 省 所在地区 所在省 省/市 区域 申请人地区 region province countryname",
    "address": "地址 申请人地址 专利权人地址 第一申请人地址 联系地址 address",
    "ipc": "分类号 ipc ipc分类号 ipc分类 国际专利分类号 国际分类号 clc ipc_class ipc_classes ipc_subclasses 中图分类号 "
    "classification classifications ipcs 全部分类号",
    "ipc_main": "主分类号 主分类 ipc主分类号 ipc主分类 主ipc main_ipc ipc_main mainipc main_classification",
    "loc": "洛迦诺分类号 外观分类号 loc locarno locarno_class loc分类号 外观设计分类号",
    "agency": "代理机构 专利代理机构 代理机构名称 agency patent_agency agencyname",
    "agents": "代理人 专利代理人 专利代理师 代理师 agent agents attorney",
    "kind": "zhuanlilx 专利类型 类型 知识产权类型 权利类型 种类 专利种类 案件类型 type patent_type kind ip_type 类别",
    "kind_code": "文献类型 文献种类 公开类型 文献种类代码 kind_code kindcode",
    "status": "法律状态 当前法律状态 案件状态 状态 专利状态 最新法律状态 有效性 legal_status status legalstatus anjianywzt",
    "source": "来源库 来源 数据来源 srcdatabase source database",
    "country": "国家 国别 公开国别 国家/地区 country office 受理局",
    "priority": "优先权 优先权号 优先权信息 priority priorities",
}  # fmt: skip

_PUNCTUATION: Final = re.compile(r"[\s_.:*＊\"'`·\-]+")
_NOTE: Final = re.compile(r"[(\[](?:必填|选填|必须|required|optional|yyyy.*|格式.*|文本)[)\]]", re.IGNORECASE)


def _plain(header: str) -> str:
    return _PUNCTUATION.sub("", unicodedata.normalize("NFKC", header)).lower()


_FIELDS: Final = {_plain(word): name for name, words in _WORDS.items() for word in words.split()}

#: Fields without which a table is no list of rights: one number, and the title.
NUMBER_FIELDS: Final = ("app_no", "patent_no", "pub_no", "reg_no")
_USUAL: Final = ("app_no", "pub_no", "title", "applicants", "inventors", "filed_on", "pub_date", "ipc", "abstract", "main_claim")  # fmt: skip


def field_of(header: str) -> str:
    """The field that a header names in Chinese or English, or nothing.

    Headers in two languages (``PubNo-公开号``, ``申请号 Application no.``) are understood by either half.
    """
    header = _NOTE.sub("", unicodedata.normalize("NFKC", header)).strip().strip("*")
    header = re.sub(r"^\[[^\]]{1,4}\]", "", header)
    found = _FIELDS.get(_plain(header))
    if found:
        return found
    halves = (
        header.split("-", 1)
        if "-" in header
        else re.split(r"(?<=[\u4e00-\u9fff)])\s+(?=[A-Za-z])", header, maxsplit=1)
    )
    if len(halves) == 2:
        for half in (halves[1], halves[0]):
            found = _FIELDS.get(_plain(half))
            if found:
                return found
    return ""


def letter_of(index: int) -> str:
    """The letters of the column at ``index`` (0 is A), as a spreadsheet names it."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def looks_like_header(cells: Sequence[str]) -> bool:
    """Whether a row names at least two fields, a number or a title among them."""
    fields = {field_of(cell) for cell in cells if 0 < len(cell) <= 60} - {""}
    return len(fields) >= 2 and bool(fields & {*NUMBER_FIELDS, "title"})


def columns_of(headers: Sequence[str], line: int) -> list[Column]:
    """The columns of a table with their fields.

    Of two headers that mean the same field the first has it. Raises ``Refused``: ``header.missing`` names what
    is missing, ``header.duplicate`` a header that stands twice, ``header.too_wide`` too many columns.
    """
    last = max((at for at, header in enumerate(headers) if header), default=-1)
    headers = headers[: last + 1]
    if len(headers) > MOST_COLUMNS:
        raise Refused(
            "header.too_wide",
            N_("The table has %(found)s columns; at most %(most)s are read. Delete the empty ones."),
            found=len(headers),
            most=MOST_COLUMNS,
        )
    columns: list[Column] = []
    taken: dict[str, str] = {}
    for index, header in enumerate(headers):
        field = field_of(header) if header else ""
        if field and field in taken:
            if taken[field] == header:
                raise Refused(
                    "header.duplicate",
                    N_("Two columns in row %(line)s are both called %(header)s. Rename or delete one."),
                    line=line,
                    header=header,
                )
            field = ""
        if field:
            taken[field] = header
        columns.append(Column(index, letter_of(index), header, field))
    no_number = not any(field in taken for field in NUMBER_FIELDS)
    if no_number or "title" not in taken:
        raise missing_headers(headers, line, number=no_number, title="title" not in taken)
    return columns


def missing_headers(headers: Iterable[str], line: int, *, number: bool, title: bool) -> Refused:
    """The refusal of a table without a number, without a title, or without both."""
    found = ", ".join(header for header in headers if header)[:300] or "-"
    if number and title:
        message = N_(
            "The table has a column neither for a number (application, publication) nor for the title. "
            "Found in row %(line)s: %(found)s."
        )
    elif number:
        message = N_(
            "The table has no column for a number (application, publication). Found in row %(line)s: %(found)s."
        )
    else:
        message = N_("The table has no column for the title. Found in row %(line)s: %(found)s.")
    missing = [name for name, absent in (("number", number), ("title", title)) if absent]
    return Refused("header.missing", message, line=line, found=found, missing=missing)


def missing_fields(columns: Sequence[Column]) -> list[str]:
    """The usual fields that no column was found for."""
    have = {column.field for column in columns}
    if "patent_no" in have:
        have.add("app_no")
    return [name for name in _USUAL if name not in have]


def flavour(headers: Sequence[str]) -> str:
    """Whose export a header is: ``template``, ``cnki``, ``sipo``, or nothing for any other table."""
    names = {_plain(header) for header in headers if header}
    if _plain("知识产权类型 Kind of right") in names and _plain("名称 Title") in names:
        return "template"
    if {_plain("SrcDatabase-来源库"), _plain("PubNo-公开号")} <= names:
        return "cnki"
    if (
        len(
            names
            & {_plain(name) for name in ("分案原申请号", "颁证日", "国际公布", "进入国家日期", "光盘号")}
        )
        >= 3
    ):
        return "sipo"
    return ""
