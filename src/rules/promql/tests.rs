//! Expressions that Prometheus takes and such that it refuses.

use super::*;

#[track_caller]
fn good(text: &str) {
    assert_eq!(check(text), Ok(()), "{text}");
}

#[track_caller]
fn bad(text: &str, at: usize) {
    assert_eq!(check(text).err().map(|fault| fault.at), Some(at), "{text}");
}

pub(in crate::rules) const GOOD: &[&str] = &[
    "up == 0",
    "1",
    "-1 ^ 2",
    "-up",
    "1e3 + .5 + 0x1F + Inf - NaN",
    "up{job=\"a\", instance=~'b|c',} offset 5m # why",
    "{__name__=~\"a.+\"}",
    "sum(rate(a:b[5m])) by (job) / on (job) group_left (x, y,) c > bool 1",
    "sum by (job, le) (rate(a[1h30m]))",
    "histogram_quantile(0.9, sum without (x) (rate(a_bucket[5m])))",
    "max_over_time(rate(a[5m])[1h:1m] offset 1d)",
    "rate(a[5m:])",
    "a @ 1609746000 offset -5m",
    "a @ end()",
    "a and on () b unless ignoring (x) c or d",
    "topk(3, a) > 2",
    "count_values(\"v\", a)",
    "label_replace(a, \"x\", \"$1\", \"y\", `(.*)\\d`)",
    "label_join(a, \"x\", \",\")",
    "time() - hour()",
    "absent(up{job=\"x\"}) == 1",
    "vector(1) atan2 vector(2)",
    "sum",
    "offset + by",
    "predict_linear(a[1h], 4 * 3600) < 0",
    "a * ((b))",
    "2 > bool 1",
    "a != -1",
    "up[5m]",
    "\"text\"",
];

pub(in crate::rules) const BAD: &[(&str, usize)] = &[
    ("", 0),
    ("up ==", 5),
    ("up == 0)", 7),
    ("(up", 3),
    ("sum(up", 6),
    ("rat(up[5m])", 0),
    ("rate(up)", 0),
    ("rate(up[5])foo", 11),
    ("rate(up[5x])", 8),
    ("up{job=a}", 7),
    ("up{job=\"a}", 7),
    ("up{job~\"a\"}", 6),
    ("{}", 0),
    ("{a=\"\"}", 0),
    ("up and 1", 3),
    ("1 > 2", 2),
    ("up + bool up", 3),
    ("sum(a) + bool", 13),
    ("sum(a) + on", 9),
    ("Inf{a=\"b\"}", 3),
    ("sum(up) by (job) by (x)", 17),
    ("a b", 2),
    ("a = b", 2),
    ("a && b", 2),
    ("1[5m:]", 1),
    ("sum(up)[5m]", 7),
    ("(up) offset 5m", 5),
    ("\"a\" + 1", 4),
    ("\"\\d\"", 0),
    ("a on (x) b", 2),
    ("a + on (x) 1", 2),
    ("a and on (x) group_left b", 2),
    ("up{__name__=\"x\"}", 3),
    ("5m30", 0),
    ("-up[5m]", 0),
    ("a == b == ", 10),
];

#[test]
fn good_expressions() {
    for text in GOOD {
        good(text);
    }
}

#[test]
fn bad_expressions_have_the_place_of_the_fault() {
    for (text, at) in BAD {
        bad(text, *at);
    }
}

#[test]
fn a_misspelt_function_has_a_nearest_one() {
    let fault = check("incrase(a[5m]) > 0").unwrap_err();
    assert_eq!(fault.what, "there is no function `incrase`");
    assert_eq!(fault.help.as_deref(), Some("did you mean `increase`?"));
}

#[test]
fn deep_nesting_is_refused_and_does_not_exhaust_the_stack() {
    assert!(check(&"(".repeat(100_000)).is_err());
    assert!(check(&"-".repeat(100_000)).is_err());
    good(&format!("{}1{}", "(".repeat(100), ")".repeat(100)));
}

#[test]
fn durations() {
    assert_eq!(duration("1h30m"), Some(5_400_000));
    assert_eq!(duration("0"), Some(0));
    assert_eq!(duration("1ms"), Some(1));
    for wrong in [
        "",
        "5",
        "5x",
        "1m1h",
        "1m1m",
        "-1m",
        "1.5h",
        " 1m",
        "999999999y",
    ] {
        assert_eq!(duration(wrong), None, "{wrong}");
    }
}
