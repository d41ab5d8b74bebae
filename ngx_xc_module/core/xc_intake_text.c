#include "xc_intake_write.h"

/*
 * Plain content first: without the style sheet the page reads the same.
 * Nothing is fetched and nothing runs.  Sizes are relative, what is to be
 * touched is 2.75rem high, and each pair of colours has a contrast of 4.5 and
 * more, in the dark too.
 */
static const char  xc_intake_css[] =
    ":root{color-scheme:light dark;--page:#fff;--soft:#f2f5f8;--line:#c6ced6;"
        "--ink:#171c22;--dim:#4a5661;--link:#0a4a99;--head:#10365f;"
        "--past:#8f1d10;--pastbg:#fdeeeb}"
    "@media(prefers-color-scheme:dark){:root{--page:#12161b;--soft:#1d242c;"
        "--line:#3b4650;--ink:#e7eaee;--dim:#abb6c1;--link:#8dbcff;"
        "--head:#b9d4f5;--past:#ffb4a6;--pastbg:#351813}}"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;max-width:60rem;padding:.75rem 1rem 3rem;"
        "background:var(--page);color:var(--ink);"
        "font:1rem/1.6 system-ui,-apple-system,\"PingFang SC\","
        "\"Microsoft YaHei\",\"Noto Sans CJK SC\",sans-serif;"
        "overflow-wrap:anywhere}"
    "h1,h2,h3{line-height:1.3;color:var(--head)}"
    "h1{font-size:1.7rem;margin:.1rem 0 .6rem}"
    "h2{font-size:1.25rem;margin:2rem 0 .7rem;padding-bottom:.3rem;"
        "border-bottom:2px solid var(--head)}"
    "h3{font-size:1.05rem;margin:1rem 0 .4rem}"
    "p{margin:.4rem 0}ul,ol,dl,dd{margin:0;padding:0}ul{padding-left:1.3rem}"
    "a{color:var(--link)}"
    "code{font:.93em ui-monospace,SFMono-Regular,Consolas,monospace}"
    "header{border-top:.35rem solid var(--head);padding-top:.4rem}"
    ".lang{float:right;margin-left:1rem}"
    ".lang a,.on a,.links a,.how a,.to a,.kv a{display:inline-block;"
        "padding:.6rem 0;min-height:2.75rem;min-width:2.75rem}"
    ".lang a{text-align:right}"
    ".of{font-size:1.1rem;font-weight:600;margin:.55rem 0 0}"
    "header dl{display:flex;flex-wrap:wrap;gap:.1rem 1.3rem;font-size:.9rem;"
        "color:var(--dim)}"
    "header dt,header dd{display:inline}"
    "header dt::after{content:\" \"}"
    "header dd{color:var(--ink)}"
    "section:first-child h2{margin-top:1.2rem}"
    ".past{margin:1rem 0;padding:.8rem 1rem;background:var(--pastbg);"
        "color:var(--past);border:2px solid var(--past)}"
    "ol{list-style:none;counter-reset:c}"
    "ol li{counter-increment:c;padding:.7rem 0;"
        "border-bottom:1px solid var(--line)}"
    "ol h3{margin:0}"
    "ol h3::before{content:counter(c)\". \"}"
    "ol p{margin:0}"
    ".to{font-size:1.1rem;font-weight:600}"
    ".to code{font-size:.9em;font-weight:600}"
    ".to,.at{padding:.15rem 0}.at{color:var(--dim)}"
    ".say{margin:1.2rem 0 0;padding:.5rem 1rem;background:var(--soft);"
        "border-left:.35rem solid var(--head)}"
    ".on ul{display:flex;flex-wrap:wrap;gap:0 1.5rem;padding:0;margin:1rem 0 0;"
        "list-style:none}"
    ".links{padding:0;list-style:none}"
    ".kv div{padding:.45rem 0;border-bottom:1px solid var(--line)}"
    ".kv dt{color:var(--dim)}"
    ".kv code{margin-right:.6rem;display:inline-block}"
    "table{width:100%;border-collapse:collapse;margin:.8rem 0 1.2rem}"
    "caption{text-align:left;font-weight:600;color:var(--head);"
        "padding:.4rem 0}"
    "th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;width:50%;"
        "border:1px solid var(--line);font-weight:400}"
    "thead th{background:var(--soft);font-weight:600}"
    "footer{margin-top:2rem;padding-top:.5rem;border-top:1px solid "
        "var(--line);color:var(--dim);font-size:.9rem}"
    "time{white-space:nowrap}"
    "@media(max-width:43.9rem){th,td{width:42%;padding:.4rem .4rem}"
        "tr>:first-child{width:58%}td code{font-size:.85rem}}"
    "@media(min-width:44rem){body{padding:1.25rem 2rem 4rem}"
        "ol li,.kv div{display:grid;grid-template-columns:13rem 1fr;"
            "column-gap:1.5rem}"
        "ol li *{grid-column:2}ol h3{grid-column:1;grid-row:1/span 4;"
            "padding-top:.3rem}"
        ".to a{padding:.2rem 0;min-height:0}"
        ".kv a,.how a{padding:0;min-height:0}}"
    "@media print{:root{--page:#fff;--soft:#fff;--line:#888;--ink:#000;"
            "--dim:#222;--link:#000;--head:#000;--past:#000;--pastbg:#fff}"
        "body{max-width:none;padding:0;font-size:10.5pt}"
        ".lang,.on,.how,.links,.links+p,#machines{display:none}"
        ".to a,.kv a{padding:0;min-height:0}"
        "h1{font-size:16pt}h2{font-size:12.5pt;margin-top:14pt}"
        "a{text-decoration:none}th,td{padding:.15rem .5rem}"
        "ol li,.kv div{padding:.25rem 0}"
        "li,tr,.kv div,.say{break-inside:avoid}"
        "h2,h3,caption{break-after:avoid}}";

const char *const  xc_intake_labels[XC_T_COUNT][XC_INTAKE_LANGS] = {
    [XC_T_LANGUAGE] = { "语言", "Language" },
    [XC_T_OTHER_LANG] = { "English", "中文" },
    [XC_T_COLON] = { "：", ": " },
    [XC_T_USCC] = { "统一社会信用代码", "Unified social credit code" },
    [XC_T_URL] = { "网址", "Web site" },
    [XC_T_ROLE] = { "主体类型", "Kind of addressee" },
    [XC_T_EXPIRED_A] = { "本页内容的有效期已于 ", "This page was valid until " },
    [XC_T_EXPIRED_B] = { " 届满。", ". " },
    [XC_T_EXPIRED_C] = {
        "下列信息可能已经变更，请先与平台核实后再提出请求。",
        "What it says may have changed: confirm it with the platform before "
        "sending a request." },
    [XC_T_CHANNELS] = { "接收渠道", "Channels" },
    [XC_T_HOURS] = { "受理时间", "Hours" },
    [XC_T_HOW] = { "如何接入接口", "How to use the interface" },
    [XC_T_ON_PAGE] = { "本页内容", "On this page" },
    [XC_T_ADDRESS] = { "地址", "Address" },
    [XC_T_NOTE] = { "说明", "Note" },
    [XC_T_CONTACTS] = { "联系方式", "Contacts" },
    [XC_T_PHONE] = { "电话", "Telephone" },
    [XC_T_EMAIL] = { "电子邮件", "E-mail" },
    [XC_T_REGISTER] = { "公钥登记", "Registering a key" },
    [XC_T_SIGNATURE] = { "请求签名", "Signing a request" },
    [XC_T_SCHEME] = { "凭证", "Credential" },
    [XC_T_SCHEME_MTLS] = { "客户端证书（TLS）", "client certificate (TLS)" },
    [XC_T_SCHEME_JWT] = { "令牌（JWT）", "token (JWT)" },
    [XC_T_OR] = { "，或者 ", ", or " },
    [XC_T_AND] = { " 与 ", " and " },
    [XC_T_SCHEME_HTTPSIG] = { "HTTP 消息签名（RFC 9421）",
                              "HTTP message signature (RFC 9421)" },
    [XC_T_ALGORITHMS] = { "可用算法", "Accepted algorithms" },
    [XC_T_COVERED] = { "必须覆盖", "Must cover" },
    [XC_T_COVERED_IF] = { "有查询串或正文时还须覆盖",
                          "With a query or a body also" },
    [XC_T_PARAMETERS] = { "签名参数", "Parameters" },
    [XC_T_NONCE] = { "随机数 nonce", "Nonce" },
    [XC_T_NONCE_REQUIRED] = { "必须提供，每次请求使用新的值",
                              "required, a new one for each request" },
    [XC_T_NONCE_OPTIONAL] = { "可选，提供时每次请求使用新的值",
                              "optional; where given, a new one each time" },
    [XC_T_TAG] = { "标签 tag", "Tag" },
    [XC_T_WINDOW] = { "时间要求", "Time" },
    [XC_T_WINDOW_A] = { "签名自 created 起 ", "A signature holds for " },
    [XC_T_WINDOW_B] = { " 秒内有效，允许时钟偏差 ",
                        " seconds from created; clocks may differ by " },
    [XC_T_WINDOW_C] = { " 秒。", " seconds." },
    [XC_T_PURPOSES] = { "协查目的", "Purposes" },
    [XC_T_FIELDS] = { "标准化字段", "Standard fields" },
    [XC_T_FIELD_ID] = { "字段编号", "Field id" },
    [XC_T_FIELD_TITLE] = { "字段名称", "Title" },
    [XC_T_BASIS] = { "依据", "Legal basis" },
    [XC_T_UPDATED] = { "更新日期", "Updated" },
    [XC_T_EXPIRES] = { "有效期至", "Valid until" },
    [XC_T_POLICY] = { "策略", "Policy" },
    [XC_T_MACHINES] = { "机器可读版本", "For machines" },
    [XC_T_MACHINES_HOW] = {
        "程序以 Accept: application/json 请求本页同一地址，亦可取得 JSON。",
        "Programs may also ask for this page's address with Accept: "
        "application/json." },
    [XC_T_JSON] = { "本页内容（JSON）", "This page as JSON" },
    [XC_T_SCHEMA] = { "请求格式（JSON Schema）",
                      "Format of a request (JSON Schema)" }
};


xc_str_t
xc_intake_style(void)
{
    return XC_STR(xc_intake_css);
}
