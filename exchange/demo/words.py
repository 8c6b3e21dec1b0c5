"""Generated people, organisations, places and inventions. Nothing here is real; the structure is.

Everything is drawn from one ``random.Random``, so that the same seed gives the same words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from random import Random

from exchange.parties.uscc import check_character
from exchange.rights.numbers import check_character as number_check

SURNAMES = "林陈黄郑吴李张王刘蔡杨许叶苏谢洪邱曾庄肖潘方卢魏高罗沈江游施"
GIVEN = "文思宇泽嘉晓清若雨子逸书语之远明景安宁澄知予一修然亦舒衍微岚溪鸣岸朗昭牧川禾苒晴霖皓珩瑾越晗彦昀楷"

CITIES: dict[str, str] = {
    "350100": "福州",
    "350200": "厦门",
    "350300": "莆田",
    "350400": "三明",
    "350500": "泉州",
    "350600": "漳州",
    "350700": "南平",
    "350800": "龙岩",
    "350900": "宁德",
}

UNIVERSITIES = (
    ("榕江理工大学", "350100"),
    ("鹭海大学", "350200"),
    ("刺桐工业大学", "350500"),
    ("武夷农林科技大学", "350700"),
    ("闽西师范学院", "350800"),
    ("湄洲海洋大学", "350300"),
)
INSTITUTES = (
    ("闽东新材料研究院", "350900"),
    ("鹭岛光电技术研究所", "350200"),
    ("榕城先进制造研究院", "350100"),
)
BANKS = (("榕海银行福州分行", "350100"), ("刺桐农商银行", "350500"))

STEMS = "澄川屿光石湾微藻锐丰恒漪启帆青屿云麓鹏礁海岬赤岩竹溪松阳明礁天湖星浦凌澳翠屏远岫"
TRADES = (
    "膜材料",
    "传感",
    "智能装备",
    "新能源",
    "生物",
    "光电",
    "环保",
    "精密机械",
    "海洋工程",
    "食品",
    "茶业",
    "数控",
)


@dataclass(frozen=True)
class Field:
    """A field of technology: IPC codes and the parts that its titles and abstracts are made of."""

    ipc: tuple[str, ...]
    things: tuple[str, ...]
    parts: tuple[str, ...]
    verbs: tuple[str, ...]
    effects: tuple[str, ...]


FIELDS: tuple[Field, ...] = (
    Field(
        ("H01M10/0525", "H01M4/36", "H01M4/58"),
        (
            "锂离子电池正极材料",
            "磷酸铁锂复合材料",
            "硅碳负极",
            "固态电解质膜",
            "动力电池模组",
            "钠离子电池极片",
        ),
        ("前驱体浆料", "碳包覆层", "导电网络", "隔膜涂层", "集流体", "烧结炉"),
        ("制备", "改性", "回收", "检测"),
        ("循环寿命延长", "倍率性能提高", "首次库伦效率提高", "热失控温度升高"),
    ),
    Field(
        ("B01D61/58", "C02F1/44", "C02F9/00"),
        (
            "高盐废水分质结晶装置",
            "中空纤维纳滤膜",
            "海水淡化预处理系统",
            "印染废水回用装置",
            "养殖尾水净化池",
        ),
        ("膜组件", "曝气盘", "结晶器", "反冲洗管路", "加药单元", "沉淀区"),
        ("处理", "涂覆", "清洗", "分离"),
        ("膜污染减轻", "吨水能耗降低", "回收率提高", "占地面积减小"),
    ),
    Field(
        ("G01S15/88", "G01N29/04", "G01H17/00"),
        (
            "海底管道泄漏声学定位装置",
            "桥梁缆索损伤监测系统",
            "红外气体传感器",
            "水下机器人定位方法",
            "地铁隧道沉降监测装置",
        ),
        ("换能器阵列", "信号调理电路", "边缘计算单元", "时钟同步模块", "光纤光栅", "滤波器"),
        ("定位", "标定", "监测", "识别"),
        ("定位误差减小", "误报率降低", "功耗降低", "抗干扰能力增强"),
    ),
    Field(
        ("A23F3/06", "A23F3/12", "A23L2/38"),
        ("乌龙茶做青环境调控装置", "茶叶萎凋机", "白茶干燥设备", "茶多酚提取工艺", "速溶茶粉"),
        ("热风循环道", "摇青滚筒", "含水率探头", "温湿度控制器", "真空腔", "出料振动筛"),
        ("加工", "提取", "萎凋", "烘干"),
        ("香气物质保留率提高", "含水率均匀", "人工用量减少", "能耗降低"),
    ),
    Field(
        ("G06V10/82", "G06T7/00", "G06N3/08"),
        (
            "工业零件表面缺陷识别方法",
            "遥感影像海岸线提取方法",
            "鞋面图案自动排版方法",
            "病理切片辅助筛查系统",
        ),
        ("卷积特征提取网络", "注意力模块", "样本增强单元", "损失函数", "候选框生成器", "知识库"),
        ("识别", "分割", "训练", "检索"),
        ("识别准确率提高", "小目标漏检减少", "训练样本需求减少", "推理时延缩短"),
    ),
    Field(
        ("A61K36/00", "A61P29/00", "C12N15/11"),
        ("微藻固碳光反应器", "抗炎中药组合物", "水凝胶创面敷料", "病毒核酸快速检测试剂盒", "海洋多糖提取物"),
        ("光照面板", "缓释微球", "引物组", "交联网络", "培养腔", "富集柱"),
        ("制备", "检测", "培养", "提取"),
        ("检出限降低", "愈合时间缩短", "产率提高", "毒副作用降低"),
    ),
    Field(
        ("B23Q15/00", "B24B1/00", "B25J9/16"),
        (
            "石材异形曲面磨抛机器人",
            "数控机床热误差补偿方法",
            "卫浴铸件去毛刺装置",
            "鞋底打磨工作站",
            "柔性夹具",
        ),
        ("力控末端", "视觉引导单元", "伺服驱动器", "快换接头", "导轨副", "冷却喷嘴"),
        ("磨抛", "补偿", "装夹", "编程"),
        ("加工精度提高", "换型时间缩短", "刀具寿命延长", "粉尘浓度降低"),
    ),
    Field(
        ("F03D13/25", "F03B13/14", "H02J3/38"),
        ("海上风机漂浮式基础", "潮流能发电机组", "光伏储能微电网调度方法", "风机叶片防雷装置"),
        ("系泊缆", "变桨机构", "储能变流器", "浮筒", "功率预测模块", "密封舱"),
        ("安装", "调度", "监控", "防护"),
        ("抗台风能力增强", "运维成本降低", "弃风率降低", "安装周期缩短"),
    ),
)

FORMS = (
    "一种{thing}及其{verb}方法",
    "一种基于{part}的{thing}",
    "一种{thing}",
    "{thing}的{verb}方法",
    "带有{part}的{thing}",
)


def person(dice: Random) -> str:
    """A name of two or three characters."""
    given = "".join(dice.sample(GIVEN, dice.choice((1, 2, 2, 2))))
    return dice.choice(SURNAMES) + given


def company(dice: Random) -> tuple[str, str]:
    """A company's name and the division it sits in."""
    code = dice.choice(list(CITIES))
    stem = "".join(dice.sample(STEMS, 2))
    return f"{CITIES[code]}{stem}{dice.choice(TRADES)}有限公司", code


def credit_code(dice: Random, region: str, *, public: bool = False) -> str:
    """A unified social credit code with its check character."""
    head = "12" if public else "91"
    body = head + region + "".join(dice.choice("0123456789ABCDEFGHJKLMNPQRTUWXY") for _ in range(9))
    return body + check_character(body)


@dataclass(frozen=True)
class Invention:
    """A generated patent: everything an export carries, and what it lacks."""

    title: str
    abstract: str
    claim: str
    ipc: tuple[str, ...]
    inventors: tuple[str, ...]
    kind: str
    kind_code: str
    app_no: str
    pub_no: str
    filed_on: date
    granted_on: date


_KINDS = {"invention": ("1", "B", "1"), "utility_model": ("2", "U", "2")}


def application_number(dice: Random, year: int, type_digit: str) -> str:
    """A valid application number of ``year``, without its dot."""
    body = f"{year}{type_digit}{dice.randrange(10_000_000):07d}"
    return body + number_check(body)


def invention(dice: Random, today: date, inventors: int = 3) -> Invention:
    """A patent that was granted before ``today`` and is in force."""
    field = dice.choice(FIELDS)
    thing, part, verb = dice.choice(field.things), dice.choice(field.parts), dice.choice(field.verbs)
    title = dice.choice(FORMS).format(thing=thing, part=part, verb=verb)
    others = dice.sample(field.parts, 3)
    effects = dice.sample(field.effects, 2)
    kind = dice.choice(("invention", "invention", "utility_model"))
    digit, code, head = _KINDS[kind]
    filed = date(today.year - dice.randint(3, 7), dice.randint(1, 12), dice.randint(1, 28))
    granted = date(filed.year + (2 if kind == "invention" else 1), dice.randint(1, 12), dice.randint(1, 28))
    abstract = (
        f"本发明公开了{title}，属于相关技术领域。所述{thing}包括{others[0]}、{others[1]}和{others[2]}，"
        f"{others[0]}与{others[1]}相连，{others[2]}根据工况进行{verb}控制。与现有技术相比，"
        f"{effects[0]}，并且{effects[1]}，适合在福建沿海地区的企业中推广应用。"
    )
    claim = f"1.{title}，其特征在于，包括{others[0]}、{others[1]}和{others[2]}，所述{others[0]}设置于{others[1]}的一侧，用于{verb}。"
    return Invention(
        title=title,
        abstract=abstract if kind == "invention" else abstract.replace("本发明", "本实用新型"),
        claim=claim,
        ipc=field.ipc[: dice.randint(1, 3)],
        inventors=tuple(person(dice) for _ in range(dice.randint(1, inventors))),
        kind=kind,
        kind_code=code,
        app_no=application_number(dice, filed.year, digit),
        pub_no=f"CN{head}{dice.randrange(10_000_000, 24_000_000):08d}{code}",
        filed_on=filed,
        granted_on=granted,
    )
