//! The names of all checks and verdicts, with what each finds: what may stand behind `check:`, and
//! the page of the guide that explains them.

use std::sync::LazyLock;

/// Names and what they find, in the order of the guide.
pub const EXPLAINED: &[(&[&str], &str)] = &[
    (
        &["unclosed-fence"],
        "a fence that runs to the end of the file",
    ),
    (
        &["unknown-attribute"],
        "an attribute that is unknown, malformed, or outside of braces",
    ),
    (
        &["front-matter"],
        "broken YAML, unknown keys and categories, bad durations",
    ),
    (
        &["output-without-block"],
        "an `{output}` fence that follows no block",
    ),
    (
        &[
            "cause-without-drill",
            "drill-without-cause",
            "duplicate-cause",
            "empty-cause",
            "unknown-cause",
        ],
        "causes and drills that do not pair",
    ),
    (
        &["no-verification", "no-cause", "no-symptom"],
        "an issue page that is not whole",
    ),
    (&["duplicate-issue"], "an issue number on two pages"),
    (
        &["unaccounted-block"],
        "a shell block that is neither executed nor waived",
    ),
    (&["nothing-to-run"], "a book without a block to execute"),
    (&["waiver-expired"], "a waiver past its last day"),
    (
        &["danger-unmarked"],
        "`rm`, `kill`, `chown -R` and their like without `{danger}`",
    ),
    (
        &["unknown-directive"],
        "`<!-- runbook: … -->` with an unknown name",
    ),
    (
        &[
            "broken-link",
            "broken-anchor",
            "duplicate-id",
            "link-loses-query",
        ],
        "links and ids, on the built pages",
    ),
    (
        &["address-taken"],
        "two alerts, old addresses or chapters would have the same address in the site",
    ),
    (
        &["redirect-dead"],
        "an old address leads to no page or anchor of the built site",
    ),
    (
        &["alert-anchor"],
        "an alert's anchor that does not exist or is no explicit `{#id}`",
    ),
    (
        &["tree-malformed"],
        "a decision tree without a list, a branch without a condition, one branch only, `otherwise` not last, two commands in one decision",
    ),
    (
        &["condition-without-measure"],
        "a condition that no output or exit status can decide",
    ),
    (&["leaf-without-link"], "a leaf that leads to no cause"),
    (
        &["cause-without-tree"],
        "a cause that no decision tree reaches, if the book has any",
    ),
    (
        &["unknown-tree"],
        "`astray` names a tree that is not walked there",
    ),
    (
        &["escalation-target"],
        "`escalation` leads to no page or anchor of the built site",
    ),
    (
        &["not-judged"],
        "with `--instance`: what is said of the book's own instance alone was not judged; a warning",
    ),
    (
        &["before-misplaced"],
        "a block with `before` that is not among the first of a *Drill*",
    ),
    (
        &["walks-astray"],
        "the trees lead to the right issue in less than 90 % of the drills",
    ),
    (
        &["recovery-slower"],
        "a recovery that took at least twice as long as each of three or more before, and two seconds longer; a warning",
    ),
    (
        &["symptom-index", "symptom-without-anchor", "too-many-clicks"],
        "the click matrix",
    ),
    (
        &["issue-not-in-escalation-matrix"],
        "an issue page that no section *Escalation matrix* links to; silent in a book without one",
    ),
    (
        &["log-line-unseen"],
        "a line of the log catalogue that the instance prints in no drill and no doc test",
    ),
    (
        &["log-line-other-family"],
        "one that `classify` puts into another family",
    ),
    (
        &["catalogue-unproven"],
        "lines that nobody has seen yet: a warning while some drill or doc test has no evidence, an error where `log-all` or `classify` is missing",
    ),
    (
        &["catalogue-family"],
        "a family without a line, a strategy, a link to an issue page that names it, or a section",
    ),
    (
        &["log-not-taken"],
        "`log-all` or `classify` fails at the end of a drill or doc test",
    ),
    (
        &["criterion-without-check"],
        "a criterion that says neither what shows it nor how it was tried",
    ),
    (
        &["acceptance-unknown"],
        "a criterion that names a drill, doc test, check, test or section that does not exist; tests are looked for once all of their suite was run since the page was written",
    ),
    (
        &["acceptance-failed"],
        "a criterion whose last drill, doc test or test is red; in `check` a warning",
    ),
    (
        &["no-rule-file", "rule-file-unreadable", "rule-file-invalid"],
        "rule files that are not there, or that their program would not load",
    ),
    (
        &[
            "alert-without-page",
            "page-names-unknown-alert",
            "alert-on-two-pages",
        ],
        "alerts and pages that do not match",
    ),
    (
        &["page-without-alert"],
        "an issue page that neither names an alert nor gives a reason in `no-alert`, in a book with `rules`",
    ),
    (
        &["alert-without-panel"],
        "an alert that uses a metric which no panel of the `dashboards` shows, directly or through a recording rule",
    ),
    (
        &["alert-untested", "rule-test-invalid"],
        "an alert of which no test in `rule-tests` shows that it fires, that it is silent, or that it resolves; tests that cannot be read",
    ),
    (
        &["alert-not-live"],
        "an alert that no live drill raises, in a book with services, without a reason in `not-live` (a warning); a reason that is empty, untrue, or of no alert of the page",
    ),
    (
        &["unknown-metric", "unknown-label"],
        "what a rule, a template in its annotations, a panel, a variable or an annotation asks for, and no drill and no doc test has seen exported; warnings while some of them have not been asked",
    ),
    (
        &["query-invalid"],
        "a query of a dashboard that is no PromQL, or uses a variable that is not there",
    ),
    (
        &["metrics-unproven"],
        "metrics that nobody has seen yet: a warning before the first run, an error where `metrics` is missing in a book with dashboards, or never answered",
    ),
    (
        &["dashboard-invalid", "dashboard-without-link"],
        "a dashboard that is none, ids that stand twice in it, and one without any link under `base-url`; those it has are checked for page and anchor (`broken-link`, `broken-anchor`)",
    ),
    (
        &[
            "runbook-url-stale",
            "foreign-runbook-url",
            "runbook-url-dead",
        ],
        "links in rule files that are not as they must be, lead out of the book, or lead to no page or anchor of it",
    ),
    (
        &["rule-file-not-editable"],
        "a rule that cannot be edited safely, with its line and why; its file is left alone",
    ),
    (
        &["step-does-nothing", "needed-after-all"],
        "with `mutate`: a resolution step without which the drill recovers, and that says no reason; one with a reason that is needed all the same, which `check` tells of a resolution that has no other",
    ),
    (&["config"], "`book.toml`; exit status 2"),
    (
        &[
            "baseline-red",
            "fault-ineffective",
            "verify-vacuous",
            "step-failed",
            "not-recovered",
            "data-lost",
            "self-healed",
            "cured-by-other",
            "also-untrue",
            "astray",
            "astray-untrue",
            "tree-accuses-healthy",
            "alert-at-rest",
            "alert-silent",
            "link-dead",
            "alert-unresolved",
            "leaked",
            "not-ready",
            "not-applicable",
        ],
        "how a drill ended",
    ),
];

/// All names.
pub static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let names = EXPLAINED.iter().flat_map(|(names, _)| names.iter());
    names.copied().collect()
});
