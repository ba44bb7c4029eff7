/** Example texts: typical input, and characters that break naive offsets. The people are public figures; the long text is written for this page. */

/** @typedef {{ id: string, text: () => string }} Example */

const NEWS = '阿里巴巴集团创始人马云在杭州出席了由中国人工智能学会主办的技术峰会。';

const FINANCE = `贵州茅台酒股份有限公司昨日在上海证券交易所披露年报，全年营业收入同比增长百分之十五。
公司董事长在贵阳举行的业绩说明会上表示，将继续扩大海外市场，并与招商银行、中国银行签署战略合作协议。
宁德时代创始人曾毓群则在福建宁德透露，公司在德国图林根州和匈牙利德布勒森的工厂进展顺利，特斯拉与宝马集团仍是主要客户。
中国人民银行行长潘功胜在北京金融街论坛上说，货币政策将保持稳健。`;

const WEIBO = `#成都马拉松# 今天在成都天府广场居然偶遇了李宁和姚明！！😱😱 两个人都超nice，还合影了📸
@新浪体育 快来看～ 跑完直接去宽窄巷子吃火锅🍲，晚上回四川大学宿舍躺平……
ps：谢谢中国田径协会的志愿者小姐姐，爱你们❤️`;

const RARE = `👩‍💻工程师王𠮷在𠮷林大学附近的𡈽耳其餐馆🍜，遇见了从São Paulo回来的李喆和👨‍👩‍👧‍👦一家。
🇨🇳北京大学的方䶮教授说：「𪚥𪚥」这个名字连中国科学院的字库里也没有。
“饿了么”创始人张旭豪🚴‍♂️昨天到了上海市徐汇区。`;

const PEOPLE = ['屠呦呦', '袁隆平', '钟南山', '姚明', '任正非', '雷军', '王传福', '马化腾', '郎平', '莫言'];
const PLACES = ['北京', '上海', '深圳', '杭州', '成都', '西安', '武汉', '南京', '广州', '苏州'];
const ORGANISATIONS = ['清华大学', '中国科学院', '华为技术有限公司', '新华社', '国家博物馆', '中国银行', '比亚迪股份有限公司', '北京大学'];

/** Sentence templates. @type {((person: string, place: string, organisation: string) => string)[]} */
const SENTENCES = [
  (person, place, organisation) => `清晨的${place}还笼罩在薄雾里，${person}已经走进${organisation}的大门，准备当天的第一场讲座。`,
  (person, place) => `谈到在${place}度过的那些年，${person}停顿了一下，说那里的街巷和口音他至今记得。`,
  (_, place, organisation) => `${organisation}当天宣布，将在${place}设立新的研究中心，首批招收两百名工程师。`,
  (person, _, organisation) => `“没有一蹴而就的事情，”${person}在${organisation}的内部信里写道，“我们只能把每一步走稳。”`,
  (person, place, organisation) => `午后，从${place}赶来的记者把${organisation}的会议室挤得满满当当，${person}一一回答了提问。`,
  () => `台下的年轻人听得入神，有人低头记着笔记，也有人望着窗外出神。`,
  (person, place) => `散会以后，${person}没有坐车，而是沿着${place}的老城墙慢慢往回走。`,
];

/** About 20,000 characters: long enough to be sent in several parts. */
function longDocument() {
  const chapters = [];
  for (let chapter = 0, turn = 0; chapter < 48; chapter++) {
    const sentences = [];
    for (let line = 0; line < 11; line++, turn++) {
      const person = PEOPLE[(turn * 3 + chapter) % PEOPLE.length];
      const place = PLACES[(turn * 7 + chapter) % PLACES.length];
      const organisation = ORGANISATIONS[(turn * 5 + chapter) % ORGANISATIONS.length];
      sentences.push(SENTENCES[(turn + chapter) % SENTENCES.length](person, place, organisation));
    }
    chapters.push(`第${chapter + 1}节\n${sentences.join('')}`);
  }
  return chapters.join('\n\n');
}

/** @type {Example[]} */
export const EXAMPLES = [
  { id: 'news', text: () => NEWS },
  { id: 'finance', text: () => FINANCE },
  { id: 'weibo', text: () => WEIBO },
  { id: 'long', text: longDocument },
  { id: 'rare', text: () => RARE },
];
