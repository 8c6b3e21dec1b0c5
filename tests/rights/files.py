"""Self-made files of every format, for the readers' tests and the fuzzing: nothing here is from a register."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from openpyxl import Workbook, load_workbook

from exchange.rights import template
from exchange.rights.numbers import check_character


def app_no(year: int, kind: int, serial: int) -> str:
    """A valid application number, 13 characters."""
    body = f"{year}{kind}{serial:07d}"
    return body + check_character(body)


CNKI_HEADERS = (
    "SrcDatabase-来源库",
    "Author-作者",
    "Applicant-申请人",
    "Title-题名",
    "CountryName-国省名称",
    "PubNo-公开号",
    "PubTime-公开日期",
    "Summary-摘要",
    "Claims-主权项",
    "CLC-中图分类号",
)

SIPO_HEADERS = [
    "申请号",
    "公开（公告）号",
    "公开（公告）日",
    "申请日",
    "专利号",
    "名称",
    "主分类号",
    "分类号",
    "分案原申请号",
    "优先权",
    "申请（专利权）人",
    "发明（设计）人",
    "地址",
    "颁证日",
    "国际申请",
    "国际公布",
    "进入国家日期",
    "专利代理机构",
    "代理人",
    "摘要",
    "主权项",
    "参考文献",
    "审查员",
    "光盘号",
    "PCT公开",
]


def cnki_row(at: int, **changes: str) -> list[str]:
    """A row in the order of ``CNKI_HEADERS``."""
    row = {
        "source": "中国专利",
        "inventors": f"         林{at};              陈小榕;                   黄甲乙       ",
        "applicants": "榕树大学;海风科技有限公司",
        "title": f"一种第{at}号样机",
        "region": "福建省",
        "pub_no": f"CN1{at:08d}A",
        "pub_date": "2020-04-03",
        "abstract": f"样机{at}的摘要。",
        "main_claim": f"1.一种样机,其特征在于编号为{at}。",
        "ipc": "H02J7/00;G06F17/30",
    }
    row.update(changes)
    return list(row.values())


def cnki_html(
    rows: Sequence[Sequence[str]], *, encoding: str = "utf-8", tail: str = "</table></body></html>"
) -> bytes:
    """An export as CNKI makes it: one physical line, padded names, named .xls."""

    def tr(cells: Sequence[str], attributes: str = "") -> str:
        return "  <tr>   " + "   ".join(f"<td{attributes}>{cell}</td>" for cell in cells) + "  </tr>      "

    head = (
        "<html xmlns:x='urn:schemas-microsoft-com:office:excel'><head><style>table td,th{text-align: center;}</style>"
        f"<meta http-equiv='Content-Type' content=\"text/html; charset={encoding}\"></head><body>"
        "<table cellspacing='0' border='1'>"
    )
    body = tr(CNKI_HEADERS, " style='vnd.ms-excel.numberformat:@'") + "".join(tr(row) for row in rows)
    return (head + body + tail).encode(encoding)


def xlsx(
    rows: Sequence[Sequence[Any]],
    change: Callable[[Workbook], None] = lambda book: None,
    title: str = "Sheet1",
) -> bytes:
    """A workbook with one sheet."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = title
    for row in rows:
        sheet.append(list(row))
    change(book)
    stream = io.BytesIO()
    book.save(stream)
    book.close()
    return stream.getvalue()


def sipo_xlsx() -> bytes:
    """The classic export with 25 columns."""
    number = app_no(2012, 2, 249767)
    shown = f"CN{number[:12]}.{number[12]}"
    row = {
        "申请号": shown,
        "公开（公告）号": "CN202644312U",
        "公开（公告）日": "2013.01.02",
        "申请日": "2012.05.31",
        "专利号": shown,
        "名称": "一种样枕",
        "主分类号": "E01B3/32(2006.01)I",
        "分类号": "E01B3/32(2006.01)I;E01B9/10(2006.01)I",
        "申请（专利权）人": "榕树样枕厂;海风建材有限公司",
        "发明（设计）人": "林一;陈二",
        "地址": "350000 福建省福州市鼓楼区样街1号",
        "专利代理机构": "样本专利事务所 35000",
        "代理人": "黄三",
        "摘要": "样枕的摘要。",
        "主权项": "一种样枕。",
        "光盘号": "D1301",
        "PCT公开": 0,
    }
    return xlsx([SIPO_HEADERS, [row.get(header) for header in SIPO_HEADERS]])


def template_xlsx() -> bytes:
    """Our template, filled in by hand."""
    book = load_workbook(io.BytesIO(template.build()))
    sheet = book.worksheets[0]
    sheet["B2"], sheet["E2"], sheet["F2"] = (
        app_no(2020, 1, 77),
        "一种榕树修剪机",
        "榕树大学；海风科技有限公司",
    )
    sheet["H2"], sheet["I2"], sheet["C2"] = date(2020, 5, 6), "2021-01-05", "CN112345678A"
    sheet["A3"], sheet["D3"], sheet["E3"] = "注册商标专用权", "12345678-9", "榕易"
    stream = io.BytesIO()
    book.save(stream)
    book.close()
    return stream.getvalue()


def csv_text(
    rows: Sequence[Sequence[str]], header: str = "application_no,title,type,filing_date,applicant"
) -> str:
    """A table of values."""
    return "\n".join([header, *(",".join(row) for row in rows)]) + "\n"


def csv_row(at: int) -> list[str]:
    """A row in the order of ``csv_text``'s header."""
    return [app_no(2015, 2, 1000 + at), f"一种第{at}号样灯", "实用新型", "2015-09-25", "榕树照明有限公司"]


def json_record(at: int, **changes: Any) -> dict[str, Any]:
    """A record with the keys of the lines of JSON."""
    return {
        "source": "中国专利",
        "inventors": ["林一", "陈小榕"],
        "applicants": ["榕树大学", "海风科技有限公司"],
        "title": f"一种第{at}号样机",
        "region": "福建省",
        "pub_no": f"CN1{at:08d}A",
        "pub_date": "2020-04-03",
        "abstract": f"样机{at}的摘要。",
        "main_claim": f"1.一种样机{at}。",
        "ipc": ["H02J7/00", "G06F17/30"],
        "cnki_field": "样机学",
        **changes,
    }


def json_lines(records: Sequence[Any]) -> bytes:
    """Lines of JSON."""
    return b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records)


OPS = """<?xml version="1.0" encoding="UTF-8"?><?xml-stylesheet type="text/xsl" href="/3.2/style/exchange.xsl"?>
<ops:world-patent-data xmlns="http://www.epo.org/exchange" xmlns:ops="http://ops.epo.org">
 <exchange-documents>
  <exchange-document family-id="777" country="CN" doc-number="112345678" kind="A">
   <bibliographic-data>
    <publication-reference><document-id document-id-type="docdb"><country>CN</country>
     <doc-number>112345678</doc-number><kind>A</kind><date>20210105</date></document-id></publication-reference>
    <classifications-ipcr><classification-ipcr sequence="1"><text>H02J   7/    00            A I   </text>
     </classification-ipcr></classifications-ipcr>
    <application-reference><document-id document-id-type="docdb"><country>CN</country>
     <doc-number>202010000077</doc-number><kind>A</kind><date>20200506</date></document-id></application-reference>
    <parties><applicants><applicant sequence="1" data-format="epodoc"><applicant-name><name>UNIV BANYAN [CN]</name>
     </applicant-name></applicant><applicant sequence="1" data-format="original"><applicant-name>
     <name>BANYAN UNIVERSITY, </name></applicant-name></applicant></applicants>
     <inventors><inventor sequence="1" data-format="epodoc"><inventor-name><name>LIN YI [CN]</name></inventor-name>
     </inventor></inventors></parties>
    <invention-title lang="en">Trimmer for banyans</invention-title>
   </bibliographic-data>
   <abstract lang="en"><p>A trimmer.</p></abstract>
  </exchange-document>
 </exchange-documents>
</ops:world-patent-data>
"""

OPS_LEGAL = """<?xml version="1.0" encoding="UTF-8"?>
<ops:world-patent-data xmlns="http://www.epo.org/exchange" xmlns:ops="http://ops.epo.org">
 <ops:patent-family legal="true"><ops:family-member family-id="777">
  <publication-reference><document-id document-id-type="docdb"><country>CN</country>
   <doc-number>112345678</doc-number><kind>A</kind><date>20210105</date></document-id></publication-reference>
  <application-reference><document-id document-id-type="docdb"><country>CN</country>
   <doc-number>202010000077</doc-number><kind>A</kind><date>20200506</date></document-id></application-reference>
  <ops:legal code="TR01" desc="TRANSFER OF PATENT RIGHT" infl=" ">
   <ops:pre line="00001">CN 202010000077A 2023-03-21TR01 TRANSFER OF PATENT RIGHT</ops:pre>
   <ops:L007EP desc="Gazette DATE">2023-03-21</ops:L007EP>
   <ops:L500EP><ops:L509EP desc="OWNER">SEA BREEZE LTD</ops:L509EP>
    <ops:L525EP desc="Effective DATE">20230309</ops:L525EP></ops:L500EP>
  </ops:legal>
 </ops:family-member></ops:patent-family>
</ops:world-patent-data>
"""

OPS_JSON = {
    "documents": [
        {
            "country": "EP",
            "doc_number": "3000001",
            "kind": "A1",
            "publication_number": "EP3000001A1",
            "publication_reference_docdb": {
                "country": "EP",
                "number": "3000001",
                "kind": "A1",
                "date": "2016-03-30",
            },
            "application_reference_docdb": {
                "country": "EP",
                "number": "14000001",
                "kind": "A",
                "date": "2014-09-25",
            },
            "title": "Trimmer for banyans",
            "abstract": "A trimmer.",
            "intl_class": ["H02J 7/ 00 A I"],
            "applicants_epodoc": ["UNIV BANYAN [CN]"],
            "applicants_original": ["BANYAN UNIVERSITY"],
            "inventors_epodoc": ["LIN YI [CN]"],
            "inventors_original": ["LIN, YI"],
        }
    ]
}

US_GRANT = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE us-patent-grant SYSTEM "us-patent-grant-v45-2014-04-03.dtd" [ ]>
<us-patent-grant lang="EN" country="US" date-publ="20150106"><us-bibliographic-data-grant>
<publication-reference><document-id><country>US</country><doc-number>09000001</doc-number><kind>B2</kind>
<date>20150106</date></document-id></publication-reference>
<application-reference appl-type="utility"><document-id><country>US</country><doc-number>13000001</doc-number>
<date>20121009</date></document-id></application-reference>
<classifications-ipcr><classification-ipcr><section>G</section><class>06</class><subclass>F</subclass>
<main-group>15</main-group><subgroup>16</subgroup></classification-ipcr></classifications-ipcr>
<invention-title id="t">Trimmer for banyans</invention-title>
<us-parties><us-applicants><us-applicant sequence="001"><addressbook><orgname>Banyan University</orgname>
</addressbook></us-applicant></us-applicants><inventors><inventor sequence="001"><addressbook>
<last-name>Lin</last-name><first-name>Yi</first-name></addressbook></inventor></inventors></us-parties>
<assignees><assignee><addressbook><orgname>Sea Breeze Ltd</orgname></addressbook></assignee></assignees>
</us-bibliographic-data-grant><abstract id="abstract"><p>A trimmer.</p></abstract>
<claims id="claims"><claim id="CLM-00001" num="00001"><claim-text>1. A trimmer with <i>k</i>&lt;2 blades.</claim-text></claim>
<claim id="CLM-00002" num="00002"><claim-text>2. The trimmer of claim 1.</claim-text></claim></claims>
</us-patent-grant>
"""

US_SGML = """<!DOCTYPE PATDOC PUBLIC "-//USPTO//DTD ST.32 US PATENT GRANT V2.4 2000-09-20//EN" [
<!ENTITY USD0435001-20010102-D00000.TIF SYSTEM "USD0435001-20010102-D00000.TIF" NDATA TIF>
]>
<PATDOC DTD="2.4"><SDOBI><B100><B110><DNUM><PDAT>D0435001</PDAT></DNUM></B110><B130><PDAT>S</PDAT></B130>
<B140><DATE><PDAT>20010102</PDAT></DATE></B140><B190><PDAT>US</PDAT></B190></B100>
<B200><B210><DNUM><PDAT>29116001</PDAT></DNUM></B210><B220><DATE><PDAT>19990106</PDAT></DATE></B220></B200>
<B500><B510><B511><PDAT>1402</PDAT></B511></B510><B540><STEXT><PDAT>Trimmer for banyans</PDAT></STEXT></B540>
<B560><B561><PCIT><DOC><DNUM><PDAT>D. 1</PDAT></DNUM></DOC></PCIT><CITED-BY-EXAMINER></B561></B560></B500>
<B700><B720><B721><PARTY-US><NAM><FNM><PDAT>Yi</PDAT></FNM><SNM><STEXT><PDAT>Lin</PDAT></STEXT></SNM></NAM>
</PARTY-US></B721></B720><B730><B731><PARTY-US><NAM><ONM><STEXT><PDAT>Sea Breeze &amp; Co.</PDAT></STEXT></ONM></NAM>
</PARTY-US></B731></B730></B700></SDOBI><SDOCL><CL><CLM ID="CLM-00001"><PARA><PTEXT><PDAT>The ornamental design
for a trimmer.</PDAT></PTEXT></PARA></CLM></CL></SDOCL></PATDOC>
"""

ST96 = """<?xml version="1.0" encoding="utf-8"?>
<pat:ClaimsDocument xmlns:pat="urn:us:gov:doc:uspto:patent"><pat:DocumentCode>CLM</pat:DocumentCode>
<pat:DocumentHeaderDetails><pat:ApplicationHeaderDetails><pat:ApplicationNumber>13000001</pat:ApplicationNumber>
</pat:ApplicationHeaderDetails></pat:DocumentHeaderDetails><pat:MailRoomDate>2013-05-30</pat:MailRoomDate>
<pat:ClaimSet><pat:ClaimList><pat:Claim><pat:ClaimNumber>1</pat:ClaimNumber>
<pat:ClaimText>1. A trimmer, comprising:</pat:ClaimText><pat:ClaimText>a blade.</pat:ClaimText></pat:Claim>
</pat:ClaimList></pat:ClaimSet></pat:ClaimsDocument>
"""

ASSIGNMENT = """<?xml version="1.0" encoding="UTF-8"?>
<response><lst name="responseHeader"><int name="status">0</int></lst>
<result name="response" numFound="1" start="0"><doc><str name="reelNo">11111</str><str name="frameNo">22</str>
<date name="recordedDate">2016-05-06T04:00:00Z</date><str name="conveyanceText">ASSIGNMENT OF ASSIGNORS INTEREST</str>
<arr name="patAssignorName"><str>LIN, YI</str></arr><arr name="patAssignorExDate"><date>2016-05-01T04:00:00Z</date></arr>
<arr name="patAssigneeName"><str>SEA BREEZE LTD</str></arr>
<arr name="inventionTitle"><str>TRIMMER</str><str>SECOND TRIMMER</str></arr>
<arr name="applNum"><str>13000001</str><str>13000002</str></arr>
<arr name="filingDate"><date>2012-10-09T04:00:00Z</date><date>2012-10-10T04:00:00Z</date></arr>
<arr name="patNum"><str>9000001</str><str>NULL</str></arr>
<arr name="issueDate"><date>2015-01-06T05:00:00Z</date><date>0001-01-01T00:00:00Z</date></arr>
<arr name="publNum"><str>NULL</str><str>20140000002</str></arr>
<arr name="publDate"><date>0001-01-01T00:00:00Z</date><date>2014-02-03T05:00:00Z</date></arr>
</doc></result></response>
"""

CONVEYANCE = {
    "reelNumber": 65001,
    "frameNumber": 7,
    "assignorExecutionDate": "09/29/2017",
    "conveyance": "CHANGE OF NAME",
    "conveyanceCode": 33,
    "assignors": [{"assignorName": "BANYAN INC.", "executionDate": "09/29/2017"}],
    "assignees": ["BANYAN LLC"],
    "noOfProperties": 1,
    "properties": [
        {
            "sequenceNumber": 1,
            "applicationNumber": "13000001",
            "fillingDate": "10/09/2012",
            "inventionTitle": "TRIMMER",
            "inventors": "Lin Yi, Chen Er",
            "issueDate": "01/06/2015",
            "patentNumber": "9000001",
            "publicationNumber": None,
            "publicationDate": "",
        }
    ],
}

INQUIRY = {
    "code": 200,
    "data": {
        "zhuluxmxx": {
            "zhuluxmxx": {
                "zhuanlimc": "一种榕树修剪机",
                "zhuanlisqh": app_no(2020, 1, 77),
                "anjianywzt": "专利权维持",
                "falvzt": " ",
                "zhufenlh": "A01G3/08",
                "fufenlh": "H02J7/00",
                "shenqingr": "2020-05-06",
                "fenantjr": "",
            }
        },
        "shenqingren": {"shenqingrenList": [{"shenqingrxm": "榕树大学", "shenqingrdz": "--"}]},
        "famingren": {"famingrenList": [{"famingrxm": "请求不公布姓名"}]},
        "dailijg": {"dailijgList": [{"diyidlrxm": "黄三", "dailijgdm": "样本专利事务所"}]},
        "zhuluxmbg": {"zhuluxmbgList": []},
    },
}

CNIPR = {
    "appNumber": [f"CN{app_no(2020, 1, 77)[:12]}.{app_no(2020, 1, 77)[12]}", "CN202000010000077", "", ""],
    "pubNumber": ["CN112345678B", "CN2023112345678B", "", ""],
    "title": "一种榕树修剪机",
    "appDate": "2020.05.06",
    "pubDate": "2023.01.10",
    "grantDate": "2023.01.10",
    "mainIpc": "A01G3/08",
    "ipc": ["A01G3/08", "H02J7/00"],
    "abs": "修剪机的摘要。",
    "independentClaims": "1.一种修剪机。/n",
    "patentee": ["海风科技股份有限公司"],
    "applicantName": ["榕树大学"],
    "inventorName": ["林一"],
    "patenteeAddrProvince": "350000;福建省",
    "legalList": [
        {
            "codeExpl": "专利权人的姓名或者名称、地址的变更\n变更前专利权人:海风科技有限公司\n变更前地址:福州\n"
            "变更后专利权人:海风科技股份有限公司\n变更后地址:福州",
            "strLegalCode": "CP01",
            "prsDate": "2024.02.20",
            "prsCode": "专利权人的姓名或者名称、地址的变更",
        },
        {
            "codeExpl": "专利权的转移\nIPC(主分类):A01G3/08\n登记生效日:20230309\n变更前专利权人:榕树大学\n"
            "变更后专利权人:海风科技有限公司\n变更前共同专利权人:海峡研究院\n变更后:",
            "strLegalCode": "TR01",
            "prsDate": "2023.03.21",
            "prsCode": "专利权的转移",
        },
        {"codeExpl": "授权", "strLegalCode": "GR01", "prsDate": "2023.01.10", "prsCode": "授权"},
    ],
}

CNIPA_XML = f"""<?xml version="1.0" encoding="UTF-8"?>
<business:PatentDocumentAndRelated xmlns:business="b" xmlns:base="c" country="CN" docNumber="112345678" kind="B"
 datePublication="20230110" status="C"><business:BibliographicData>
<business:ApplicationReference applType="10"><base:DocumentID><base:DocNumber>{app_no(2020, 1, 77)[:12]}.{app_no(2020, 1, 77)[12]}</base:DocNumber>
<base:Date>20200506</base:Date></base:DocumentID></business:ApplicationReference>
<business:ClassificationIPCRDetails><business:ClassificationIPCR><base:Text>A01G 3/08 (2006.01)</base:Text>
</business:ClassificationIPCR></business:ClassificationIPCRDetails>
<business:InventionTitle>一种榕树修剪机</business:InventionTitle>
<business:Parties><business:ApplicantDetails><business:Applicant><base:AddressBook><base:Name>榕树大学</base:Name>
<base:Address><base:Province>福建省</base:Province></base:Address></base:AddressBook></business:Applicant>
</business:ApplicantDetails><business:InventorDetails><business:Inventor><base:AddressBook><base:Name>林一</base:Name>
</base:AddressBook></business:Inventor></business:InventorDetails><business:AgentDetails><business:Agent>
<business:Agency><base:AddressBook><base:OrganizationName>样本专利事务所</base:OrganizationName></base:AddressBook>
</business:Agency></business:Agent></business:AgentDetails></business:Parties></business:BibliographicData>
<business:Abstract><base:Paragraphs>修剪机的摘要。</base:Paragraphs></business:Abstract>
<business:Claims><business:Claim><business:ClaimText>1.一种修剪机。</business:ClaimText></business:Claim></business:Claims>
</business:PatentDocumentAndRelated>
"""

PRS_XML = f"""<?xml version="1.0" encoding="UTF-8"?>
<business:PRS xmlns:business="b" xmlns:base="c"><business:PRSRecord PRSID="1" status="C">
<business:ApplicationReference dataFormat="original"><base:DocumentID><base:DocNumber>202000010000077</base:DocNumber>
<base:Date>20200506</base:Date></base:DocumentID></business:ApplicationReference>
<business:ApplicationReference dataFormat="standard"><base:DocumentID><base:DocNumber>{app_no(2020, 1, 77)}</base:DocNumber>
<base:Date>20200506</base:Date></base:DocumentID></business:ApplicationReference>
<business:IPRType>发明</business:IPRType><business:PRSPublicationDate><base:Date>20240305</base:Date></business:PRSPublicationDate>
<business:PRSCode>PE01</business:PRSCode><business:PRSValue>专利权质押合同登记的生效</business:PRSValue>
<business:PRSInformation>专利权质押合同登记的生效;登记号:Y2024350000001;登记生效日:20240219;出质人:海风科技有限公司;质权人:样本银行;</business:PRSInformation>
<business:StatusIndicator>1</business:StatusIndicator></business:PRSRecord></business:PRS>
"""

STATUS_TEXT = """#法律状态公告日：20120926;
法律状态：授权;
描述信息：授权;

#法律状态公告日：20121219;
法律状态：专利申请权、专利权的转移;
描述信息：专利权的转移IPC(主分类):A41D   1/00;变更事项:专利权人;变更前权利人:甲公司;变更后权利人:甲公司;变更事项:地址;变更前权利人:福州;变更后权利人:厦门;变更事项:专利权人;变更前权利人:乙公司;变更后权利人:丙公司;登记生效日:20121116;
"""

EVENT = {
    "number": "CN112345678B",
    "code": "PE01",
    "date": "2024-03-05",
    "effective_on": "2024-02-19",
    "text": "专利权质押合同登记的生效;登记号:Y2024350000001;出质人:海风科技有限公司;质权人:样本银行;",
    "gazette": "40-10",
}


def zipped(entries: dict[str, bytes]) -> bytes:
    """An archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return stream.getvalue()


def _dump(found: Any) -> bytes:
    return json.dumps(found, ensure_ascii=False, indent=1).encode()


#: A good file of every format: the key that sniffing must give, and the bytes.
SAMPLES: dict[str, bytes] = {
    "template-xlsx": template_xlsx(),
    "cnki-html": cnki_html([cnki_row(1), cnki_row(2)]),
    "cnki-xlsx": xlsx([CNKI_HEADERS, [*cnki_row(1)[:6], datetime(2020, 4, 3), *cnki_row(1)[7:]]]),  # noqa: DTZ001
    "sipo-xlsx": sipo_xlsx(),
    "xlsx": xlsx([["申请号", "名称"], [app_no(2015, 2, 5), "一种样灯"]]),
    "html": b"<table><tr><th>Application No</th><th>Title</th><th>Owner</th></tr><tr><td>"
    + app_no(2015, 2, 5).encode()
    + b"</td><td>A lamp</td><td>Banyan</td></tr></table>",
    "csv": csv_text([csv_row(1), csv_row(2)]).encode(),
    "jsonl": json_lines([json_record(1), json_record(2)]),
    "json": _dump([json_record(1), json_record(2)]),
    "events-jsonl": json_lines([EVENT]),
    "cnipa-json": _dump(INQUIRY),
    "cnipr-json": _dump(CNIPR),
    "cnipa-xml": CNIPA_XML.encode(),
    "status-text": STATUS_TEXT.encode(),
    "ops-xml": OPS.encode(),
    "ops-json": _dump(OPS_JSON),
    "uspto-xml": US_GRANT.encode(),
    "uspto-sgml": US_SGML.encode(),
    "st96-xml": ST96.encode(),
    "st96-zip": zipped({"a/1.xml": ST96.encode(), "a/2.xml": ST96.replace("13000001", "13000002").encode()}),
    "us-assignment-xml": ASSIGNMENT.encode(),
    "us-assignment-jsonl": json_lines([CONVEYANCE]),
}

GZIPPED = gzip.compress(SAMPLES["jsonl"])
