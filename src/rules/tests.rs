//! Reading rule files from disk.

use super::*;

fn dir() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let rules = "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n";
    for name in ["book/book.toml", "b.yml", "a.yml", "sub/c.yml", "a.yaml"] {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, rules).unwrap();
    }
    dir
}

pub(super) fn any(files: &str) -> RuleGlob {
    RuleGlob {
        files: files.to_owned(),
        dialect: None,
    }
}

#[track_caller]
fn case(globs: &[&str], expected: &[&str], checks: &[&str]) {
    let dir = dir();
    let globs: Vec<RuleGlob> = globs.iter().map(|&glob| any(glob)).collect();
    let (files, findings) = load(&dir.path().join("book"), &globs, "runbook_url");
    let names: Vec<_> = files
        .iter()
        .map(|file| file.file.path().strip_prefix(dir.path()).unwrap())
        .map(|path| path.display().to_string())
        .collect();
    assert_eq!(names, expected);
    let found: Vec<_> = findings.iter().map(|one| one.check).collect();
    assert_eq!(found, checks);
}

#[test]
fn globs_are_relative_sorted_and_read_each_file_once() {
    case(&["../*.yml", "../a.yml"], &["a.yml", "b.yml"], &[]);
    case(&["../**/*.yml"], &["a.yml", "b.yml", "sub/c.yml"], &[]);
    case(&["../{a,sub/c}.y*"], &["a.yaml", "a.yml", "sub/c.yml"], &[]);
    case(&["../*/c.yml"], &["sub/c.yml"], &[]);
}

#[test]
fn a_glob_without_a_file_is_a_finding() {
    case(&["../no*.yml"], &[], &["no-rule-file"]);
    case(&["../no.yml"], &[], &["no-rule-file"]);
    case(&["../[.yml"], &[], &["no-rule-file"]);
    case(&[], &[], &[]);
}

#[test]
fn an_unreadable_file_is_a_finding_and_the_others_are_read() {
    let dir = dir();
    std::fs::write(dir.path().join("b.yml"), b"groups: \xff").unwrap();
    let (files, findings) = load(dir.path(), &[any("*.yml")], "runbook_url");
    assert_eq!(files.len(), 1);
    assert_eq!(findings[0].check, "rule-file-unreadable");
    assert_eq!(findings[0].note, "it is not UTF-8 at offset 8");
}

#[test]
fn a_dangling_link_is_a_finding() {
    let dir = dir();
    std::os::unix::fs::symlink("nowhere", dir.path().join("z.yml")).unwrap();
    let (files, findings) = load(dir.path(), &[any("*.yml")], "runbook_url");
    assert_eq!((files.len(), findings.len()), (2, 1));
    assert_eq!(findings[0].check, "rule-file-unreadable");
}

#[test]
fn paths_are_shown_without_detours() {
    assert_eq!(tidy(Path::new("./book/../a/b.yml")), Path::new("a/b.yml"));
    assert_eq!(tidy(Path::new("../a.yml")), Path::new("../a.yml"));
    assert_eq!(tidy(Path::new("./")), Path::new("."));
}
