#include "xc_intake_write.h"

/* A string in a constant initialiser, which XC_STR() can't be. */
#define XC_LIT(literal)     { (literal), sizeof(literal) - 1 }


const xc_intake_word_t  xc_intake_roles[XC_INTAKE_ROLES] = {
    { XC_LIT("platform"),
      { XC_LIT("平台经营者"), XC_LIT("Platform operator") } },
    { XC_LIT("platform_service"),
      { XC_LIT("提供网络经营场所、商品浏览、订单生成、在线支付等服务的网络服务提供者"),
        XC_LIT("Network service provider for places of business, product "
               "browsing, order generation or online payment") } },
    { XC_LIT("auxiliary_service"),
      { XC_LIT("为网络交易提供宣传推广、支付结算、物流快递、网络接入、服务器托管、"
               "虚拟主机、云服务、网站网页设计制作等服务的经营者"),
        XC_LIT("Provider of promotion, payment settlement, logistics, network "
               "access, hosting, cloud or web design") } }
};

const xc_intake_word_t  xc_intake_types[XC_INTAKE_TYPES] = {
    { XC_LIT("api"), { XC_LIT("接口"), XC_LIT("Interface (API)") } },
    { XC_LIT("web"), { XC_LIT("网页"), XC_LIT("Web page") } },
    { XC_LIT("email"), { XC_LIT("电子邮件"), XC_LIT("E-mail") } },
    { XC_LIT("phone"), { XC_LIT("电话"), XC_LIT("Telephone") } },
    { XC_LIT("fax"), { XC_LIT("传真"), XC_LIT("Fax") } },
    { XC_LIT("post"), { XC_LIT("邮寄"), XC_LIT("Post") } },
    { XC_LIT("national_platform"),
      { XC_LIT("国家网络交易监管平台"),
        XC_LIT("National online-trading supervision platform") } },
    { XC_LIT("12315"),
      { XC_LIT("全国12315平台"), XC_LIT("National 12315 platform") } },
    { XC_LIT("smart_cooperation"),
      { XC_LIT("现有智能协作平台"),
        XC_LIT("Existing smart-cooperation platform") } },
    { XC_LIT("social_governance"),
      { XC_LIT("社会协同共治系统"),
        XC_LIT("Social co-governance system") } }
};

static const xc_intake_word_t  xc_intake_purposes[XC_INTAKE_PURPOSES] = {
    { XC_LIT("case_investigation"),
      { XC_LIT("案件调查"), XC_LIT("Case investigation") } },
    { XC_LIT("accident_handling"),
      { XC_LIT("事故处置"), XC_LIT("Accident handling") } },
    { XC_LIT("product_recall"),
      { XC_LIT("缺陷消费品召回"),
        XC_LIT("Recall of defective consumer goods") } },
    { XC_LIT("dispute_resolution"),
      { XC_LIT("消费争议处理"), XC_LIT("Consumer-dispute handling") } }
};

static const xc_intake_word_t  xc_intake_groups[XC_INTAKE_GROUPS] = {
    { XC_LIT("identity"),
      { XC_LIT("平台内经营者身份信息"), XC_LIT("Merchant identity") } },
    { XC_LIT("goods"),
      { XC_LIT("商品或者服务信息"), XC_LIT("Goods or services") } },
    { XC_LIT("transaction"),
      { XC_LIT("交易信息"), XC_LIT("Trade information") } },
    { XC_LIT("livestream"),
      { XC_LIT("直播信息"), XC_LIT("Live streams") } }
};

const xc_str_t  xc_intake_say[XC_INTAKE_SAY_COUNT][XC_INTAKE_LANGS] = {
    [XC_INTAKE_SAY_TITLE] = {
        XC_LIT("接收协查方式"),
        XC_LIT("How enforcement-assistance requests are received") },
    [XC_INTAKE_SAY_AUDIENCE] = {
        XC_LIT("本渠道仅供中华人民共和国县级以上市场监督管理部门依法提出执法协查请求使用。"),
        XC_LIT("This channel is for the market-regulation departments of the "
               "People's Republic of China, of county level and above, and "
               "for their enforcement-assistance requests only.") },
    [XC_INTAKE_SAY_NO_TAKEDOWN] = {
        XC_LIT("下架商品、关闭店铺等处置指令不通过本渠道提出。"),
        XC_LIT("Instructions to take goods down or to close shops are not "
               "made through this channel.") },
    [XC_INTAKE_SAY_REGISTER] = {
        XC_LIT("请自行生成 Ed25519 密钥对，妥善保管私钥，切勿发送给任何人；将公钥连同机关名称、"
               "行政区划代码、密钥编号、有效期和使用该密钥的网络地址，通过本页所列联系方式提交登记。"
               "平台核实机关身份后登记公钥。"),
        XC_LIT("Make an Ed25519 key pair yourself and keep the private key: "
               "send it to nobody. Send the public key with the agency's name, "
               "its division code, a key id, the period of validity and the "
               "network addresses it will be used from to a contact named "
               "on this page. The platform registers the key once it has "
               "verified the agency.") },
    [XC_INTAKE_SAY_BEYOND] = {
        XC_LIT("标准化字段以外的特殊信息，应当报省级市场监督管理部门同意。"),
        XC_LIT("Anything beyond the standard fields requires the consent of "
               "the provincial market-regulation department.") }
};

const xc_str_t  xc_intake_covered[XC_INTAKE_COVERED] = {
    XC_LIT("@method"), XC_LIT("@authority"), XC_LIT("@path"),
    XC_LIT("@query"), XC_LIT("content-type"), XC_LIT("content-digest")
};


static const xc_intake_word_t *
xc_intake_word(const xc_intake_word_t *words, size_t n, xc_str_t id)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (xc_str_eq(words[i].id, id)) {
            return &words[i];
        }
    }

    return NULL;
}


const xc_intake_word_t *
xc_intake_purpose(xc_str_t id)
{
    return xc_intake_word(xc_intake_purposes, XC_COUNT(xc_intake_purposes),
                          id);
}


const xc_intake_word_t *
xc_intake_group(xc_str_t id)
{
    return xc_intake_word(xc_intake_groups, XC_COUNT(xc_intake_groups), id);
}


size_t
xc_intake_purpose_rank(xc_str_t id)
{
    const xc_intake_word_t  *word = xc_intake_purpose(id);

    return word != NULL ? (size_t) (word - xc_intake_purposes)
                        : XC_INTAKE_PURPOSES;
}


size_t
xc_intake_group_rank(xc_str_t id)
{
    const xc_intake_word_t  *word = xc_intake_group(id);

    return word != NULL ? (size_t) (word - xc_intake_groups)
                        : XC_INTAKE_GROUPS;
}
