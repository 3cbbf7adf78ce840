//! Every verdict of a drill, each by a page that ends in it.

use crate::book::{Book, Ran};

/// A service that is a file: up if it holds `up`.
const INSTANCE: &str = "[preprocessor.runbook]\nresolve-within = \"1s\"\n\
[preprocessor.runbook.instance]\nstart = \"echo up >/var/state; echo 7 >/var/data\"\n\
stop = \"rm -f /var/state\"\nready = \"grep -q up /var/state\"\nready-within = \"2s\"\nsettle = \"200ms\"\n\
version = \"echo toy 1.0\"\nlog = \"echo the last words of the service\"\ninvariant = \"cat /var/data\"\n\
[preprocessor.runbook.instance.capabilities]\nhas-it = \"true\"\nlacks-it = \"false\"\n";

struct Page {
    front: &'static str,
    diagnosis: &'static str,
    resolution: &'static str,
    verification: &'static str,
    drill: &'static str,
}

const GOOD: Page = Page {
    front: "issue: 1",
    diagnosis: "```bash\ncat /var/state\n```\n```text {output}\ndown\n```",
    resolution: "```bash\necho up >/var/state\n```",
    verification: "```bash\ngrep up /var/state\n```",
    drill: "```bash\necho down >/var/state\n```",
};

impl Page {
    fn text(&self) -> String {
        format!(
            "---\n{}\n---\n# Down\n\n## Symptoms\n\n- it is [down](#off)\n\n## Diagnosis\n\n{}\n\n\
             ## Resolution {{#resolution}}\n\n### Switched off {{#off}}\n\n{}\n\n## Verification\n\n{}\n\n\
             ## Drill\n\n### Switched off\n\n{}\n",
            self.front, self.diagnosis, self.resolution, self.verification, self.drill
        )
    }

    fn book(&self) -> Book {
        Book::new().toml(INSTANCE).page("a.md", &self.text())
    }

    #[track_caller]
    fn ends(&self, verdict: &str) -> Ran {
        self.book()
            .run(&["test"])
            .status(1)
            .says(&format!("FAIL a.md: Switched off: {verdict}"))
            .says(&format!("error[{verdict}]"))
    }
}

#[test]
fn recovered() {
    GOOD.book()
        .run(&["test"])
        .status(0)
        .says("ok   a.md: Switched off: recovered");
}

#[test]
fn baseline_red() {
    Page {
        verification: "```bash\ngrep wrong /var/state\n```",
        ..GOOD
    }
    .ends("baseline-red")
    .says("src/a.md:29:1")
    .says("the verification fails on a healthy instance");
}

#[test]
fn fault_ineffective() {
    Page {
        drill: "```bash\nfalse\n```",
        ..GOOD
    }
    .ends("fault-ineffective");
}

#[test]
fn verify_vacuous() {
    Page {
        verification: "```bash\ntrue\n```",
        ..GOOD
    }
    .ends("verify-vacuous")
    .says("the verification of `Switched off` cannot fail");
}

#[test]
fn step_failed_in_diagnosis_and_resolution() {
    Page {
        diagnosis: "```bash\nno-such-tool\n```",
        ..GOOD
    }
    .ends("step-failed")
    .says("exit status 127");
    Page {
        resolution: "```bash\nfalse\n```",
        ..GOOD
    }
    .ends("step-failed");
}

#[test]
fn not_recovered() {
    Page {
        resolution: "```bash\ntrue\n```",
        ..GOOD
    }
    .ends("not-recovered")
    .says("was not recovered within 1 s");
}

#[test]
fn data_lost_unless_declared() {
    let lossy = "```bash\necho up >/var/state; echo 8 >/var/data\n```";
    Page {
        resolution: lossy,
        ..GOOD
    }
    .ends("data-lost")
    .says("-7")
    .says("+8");
    let declared = "```bash {loss=\"the eighth\"}\necho up >/var/state; echo 8 >/var/data\n```";
    Page {
        resolution: declared,
        ..GOOD
    }
    .book()
    .run(&["test"])
    .status(0);
}

#[test]
fn a_control_experiment_finds_what_heals_by_itself() {
    let heals = "```bash\necho down >/var/state; (sleep 0.3; echo up >/var/state) &\n```";
    Page {
        drill: heals,
        ..GOOD
    }
    .book()
    .run(&["test", "--control"])
    .status(1)
    .says("FAIL a.md: Switched off, left alone: self-healed")
    .says("error[self-healed]");
    GOOD.book()
        .run(&["test", "--control"])
        .status(0)
        .says("ok   a.md: Switched off, left alone: stays-red")
        .says("1/1 control experiments hold");
}

/// Two causes: the resolution of the second is `cure` and also sets up its own.
fn two_causes(cure: &str, attributes: &str) -> Book {
    let text = GOOD.text().replace(
        "## Verification",
        &format!("### Wrong word {{#word}}\n\n```bash {{danger{attributes}}}\n{cure}\n```\n\n## Verification"),
    );
    let drill = "\n### Wrong word\n\n```bash\necho odd >/var/state; touch /var/odd\n```\n";
    let first = text.replace(
        "```bash\necho up >/var/state\n```",
        "```bash\n[ ! -e /var/odd ] && echo up >/var/state\n```",
    );
    Book::new().toml(INSTANCE).page(
        "a.md",
        &format!("{}{drill}", first.replace("\ndown\n", "\n...\n")),
    )
}

#[test]
fn the_resolution_of_another_cause_must_not_help_unless_the_page_says_so() {
    let both = "rm -f /var/odd; echo up >/var/state";
    two_causes(both, "").run(&["test"]).status(0);
    two_causes(both, "")
        .run(&["test", "--control"])
        .status(1)
        .says("FAIL a.md: Switched off, resolved as `Wrong word`: cured-by-other")
        .says("ok   a.md: Wrong word, resolved as `Switched off`: stays-red")
        .says("3/4 control experiments hold");
    two_causes(both, " also=\"Switched off: it writes the state anew\"")
        .run(&["test", "--control"])
        .status(0)
        .says("cured-as-said")
        .says("4/4 control experiments hold");
    let own = "[ -e /var/odd ] && rm /var/odd && echo up >/var/state";
    two_causes(own, " also=\"Switched off: it writes the state anew\"")
        .run(&["test", "--control"])
        .status(1)
        .says("error[also-untrue]");
    two_causes(own, " also=\"Switched of: it writes\"")
        .run(&["check"])
        .status(1)
        .says("error[unknown-cause]")
        .says("did you mean `Switched off`?");
}

#[test]
fn leaked() {
    Page {
        drill: "```bash\necho down >/var/state; sleep 300 &\n```",
        ..GOOD
    }
    .ends("leaked")
    .says("sleep 300");
}

#[test]
fn not_applicable_is_named_and_never_counted_as_passed() {
    Page {
        front: "issue: 1\nneeds: [lacks-it]",
        ..GOOD
    }
    .book()
    .run(&["test"])
    .status(0)
    .says("n/a  a.md: Switched off: not applicable, lacks `lacks-it`")
    .says("0/0 drills recovered")
    .says("1 not applicable");
    Page {
        front: "issue: 1\nneeds: [has-it]",
        ..GOOD
    }
    .book()
    .run(&["test"])
    .status(0)
    .says("1/1 drills recovered");
}

#[test]
fn an_instance_that_never_gets_ready_shows_its_log() {
    Book::new()
        .toml(&INSTANCE.replace("echo up >/var/state;", "true;"))
        .page("a.md", &GOOD.text())
        .run(&["test"])
        .status(1)
        .says("not-ready")
        .says("the last words of the service");
}

#[test]
fn a_verification_that_hangs_under_the_fault_counts_as_failing() {
    let hangs = "```bash {timeout=500ms}\ngrep up /var/state || sleep 60\n```";
    Page {
        verification: hangs,
        ..GOOD
    }
    .book()
    .run(&["test"])
    .status(0);
}

#[test]
fn drills_that_must_be_alone_are_run_one_by_one_after_the_others() {
    let page = |alone: &str| {
        let front = format!("issue: {}{alone}", if alone.is_empty() { 1 } else { 2 });
        GOOD.text().replace("issue: 1", &front)
    };
    let book = Book::new()
        .toml(INSTANCE)
        .page("a.md", &page("\nalone: true"))
        .page("b.md", &page(""));
    let out = book.run(&["test", "--jobs", "2"]).status(0).stdout;
    let at = |page: &str| out.find(&format!("ok   {page}.md")).unwrap();
    assert!(at("b") < at("a"), "{out}");
}

#[test]
fn reports_and_shards() {
    let book = GOOD.book();
    book.run(&["test", "--report", "junit=j.xml,json=r.json"])
        .status(0);
    assert!(
        book.read("j.xml")
            .contains("<testcase name=\"Switched off\" classname=\"a.md\"")
    );
    let report: serde_json::Value = serde_json::from_str(&book.read("r.json")).unwrap();
    assert_eq!(
        report["jobs"][0]["evidence"]["verdict"]["kind"],
        "recovered"
    );
    assert_eq!(report["jobs"][0]["evidence"]["instance_version"], "toy 1.0");
    let one = book.run(&["test", "--shard", "1/2"]).status(0).stdout;
    let two = book.run(&["test", "--shard", "2/2"]).status(0).stdout;
    assert_eq!(
        one.matches("recovered (").count() + two.matches("recovered (").count(),
        1
    );
    book.run(&["test", "no such cause"])
        .status(2)
        .says("no drill or doc test matches");
}

#[test]
fn a_probe_that_harms_the_instance_denies_no_other_capability() {
    let with = |probe: &str| {
        let probes = format!("asked-first = \"{probe}\"\nhas-it = \"grep -q up /var/state\"");
        let page = Page {
            front: "issue: 1\nneeds: [has-it]",
            ..GOOD
        };
        Book::new()
            .toml(&INSTANCE.replace("has-it = \"true\"", &probes))
            .page("a.md", &page.text())
            .run(&["test"])
            .status(0)
            .says("ok   a.md: Switched off: recovered");
    };
    // It restarts, is ended for good, or takes the session with it.
    with("rm /var/state; (sleep 0.5; echo up >/var/state) & false");
    with("rm /var/state; false");
    with("kill -9 $$");
}
