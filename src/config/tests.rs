use super::*;

const MINIMAL: &str = "\
group: beirui
lake: { url: \"file://./lake\" }
state: { url: \"sqlite://./state.db\" }
auth: { pseudonym_key: \"0123456789abcdef\" }
";

fn load(text: &str) -> Result<Config, Invalid> {
    let dir = tempfile::tempdir().expect("folder");
    let path = dir.path().join("clinichub.yaml");
    std::fs::write(&path, text).expect("written");
    Config::load_with(&path, &|name| (name == "HOOK_SECRET").then(|| "whsec_c2VjcmV0".into()))
}

#[test]
fn defaults_are_enough() {
    let config = load(MINIMAL).expect("valid");
    assert_eq!(config.timezone, "Asia/Shanghai");
    assert_eq!(config.server.listen, "127.0.0.1:8080");
}

#[test]
fn an_unknown_key_is_an_error_with_its_line() {
    let error = load(&format!("{MINIMAL}servr: {{}}\n")).expect_err("unknown key");
    assert_eq!(error.0[0].line, 5, "{error}");
    assert!(error.to_string().contains("servr"), "{error}");
}

#[test]
fn secrets_never_print() {
    let config = load(&format!(
        "{MINIMAL}alerts:\n  hooks:\n    - {{ id: ops, url: \"https://h.example/tok\", secret: \
         \"${{HOOK_SECRET}}\" }}\n"
    ))
    .expect("valid");
    let printed = format!("{config:?}");
    assert!(!printed.contains("whsec_"), "{printed}");
    assert!(!printed.contains("tok"), "{printed}");
    assert_eq!(config.alerts.hooks[0].secret.expose(), "whsec_c2VjcmV0");
}

#[test]
fn a_wrong_zone_is_refused() {
    let error = load(&format!("{MINIMAL}timezone: Mars/Olympus\n")).expect_err("no zone");
    assert!(error.to_string().contains("Mars/Olympus"));
}

#[test]
fn sites_may_cut_their_own_days() {
    let config = load(&format!("{MINIMAL}sites: {{ N: {{ day_starts: \"05:00\" }} }}\n"));
    let days = config.expect("valid").site_days().expect("days");
    assert_eq!(days["N"].to_string(), "Asia/Shanghai from 05:00:00");
    for wrong in ["day_starts: \"25:00\"", "timezone: Mars/Olympus"] {
        let error = load(&format!("{MINIMAL}sites: {{ N: {{ {wrong} }} }}\n"));
        assert!(error.expect_err("no day").to_string().contains("site `N`"), "{wrong}");
    }
}

#[test]
fn what_cannot_work_is_told_before_anything_is_opened() {
    let text = MINIMAL.replace("sqlite://", "postgres://").replace("0123456789abcdef", "short")
        + "nightly: { cron: \"99 99 * * *\" }\n"
        + "alerts: { hooks: [ { id: a, url: \"ftp://h\", secret: \"x\" } ] }\n";
    let error = load(&text).expect_err("invalid");
    let lines: Vec<u64> = error.0.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [3, 4, 5, 6], "{error}");
}
