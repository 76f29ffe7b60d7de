//! What is said about wrong settings: all at once, with suggestions and origins.

use super::super::{Config, Flags, Inputs};
use super::{with, with_env, with_file, wrong};

#[test]
fn several_problems_are_told_at_once_with_their_sources() {
    let text = "[server]\nbacklog = 0\nlisen = \"x\"\n[realtime]\nsilence_seconds = 30";
    let flags = Flags { listen: Some("nowhere".to_owned()), data_dir: None };
    let (file, loaded) = with(text, &[("LANDFALL_AUDIT_SEAL_MS", "soon")], flags);
    let path = file.path().display();
    let told = loaded.unwrap_err().to_string();
    let address = "must be an IP address and a port, such as 127.0.0.1:8003 or [::]:8003";
    let expected = [
        format!("server.lisen: is not a setting; did you mean server.listen? (file {path})"),
        "audit.seal_ms: must be a whole number, not \"soon\" (environment LANDFALL_AUDIT_SEAL_MS)"
            .to_owned(),
        format!("server.backlog: must be between 1 and 65535, not 0 (file {path})"),
        format!("server.listen: {address}, not \"nowhere\" (flag --listen)"),
        format!("realtime.silence_seconds: must be above realtime.heartbeat_seconds (file {path})"),
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn unknown_names_in_a_file_get_a_suggestion() {
    for (text, expected) in [
        ("[sever]\nlisten = 1\nbacklog = 2", "sever: is not a section; did you mean server?"),
        (
            "[server]\nheartbeat_seconds = 5",
            "server.heartbeat_seconds: is not a setting; did you mean realtime.heartbeat_seconds?",
        ),
        ("[sever]", "sever: is not a setting"),
        ("listen = \"x\"", "listen: is not a setting"),
        ("[server]\nzzzzzzz = 1", "server.zzzzzzz: is not a setting"),
        ("[limits.body_kib]\nx = 1", "limits.body_kib: is a setting, not a section"),
        ("limits = 5", "limits: is a section, not a setting, and must not be a whole number"),
    ] {
        let problems = wrong(with_file(text));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with(expected), "{problems:?}");
    }
}

#[test]
fn wrong_types_and_words_are_named() {
    for (text, expected) in [
        ("[log]\nlevel = 3", "log.level: must be a text, not a whole number"),
        ("[log]\nlevel = \"loud\"", "log.level: must be one of error, warn, info, debug, trace"),
        ("[notify]\nchunk = 5.5", "notify.chunk: must be a whole number, not a number with"),
        ("[notify]\nchunk = -1", "notify.chunk: must be between 1 and 500, not -1"),
        ("[auth.roles]\nstudent = [1]", "auth.roles.student: must be a list of texts"),
        ("[auth.roles]\n\" x\" = []", "auth.roles. x: is no name for a role: a role has 1 to 64"),
        ("[server]\npublic_url = \"a.example\"", "server.public_url: must be http:// or https://"),
        ("[vapid]\nsubject = \"me\"", "vapid.subject: must be mailto:ADDRESS"),
        (
            "[auth.roles]\nx = [\"notify:sent\"]",
            "auth.roles.x: \"notify:sent\" is not a known scope; did",
        ),
        ("[limits]\ndata_kib = 300", "realtime.queue_max_kib: must hold the largest"),
    ] {
        let problems = wrong(with_file(text));
        assert!(problems[0].starts_with(expected), "{problems:?}");
    }
}

#[test]
fn a_wrong_setting_is_told_once_and_not_by_its_relations() {
    let problems = wrong(with_file("[realtime]\nsilence_seconds = 0\nheartbeat_seconds = 200"));
    assert_eq!(problems, ["realtime.silence_seconds: must be between 2 and 7200, not 0"]);
}

#[test]
fn relations_point_at_the_setting_that_was_set() {
    let told = with_env(&[("LANDFALL_LIMITS_PAGE_MAX", "10")]).unwrap_err().to_string();
    let expected = "limits.page_default: must not be above limits.page_max";
    assert_eq!(told, format!("{expected} (environment LANDFALL_LIMITS_PAGE_MAX)"));
}

#[test]
fn an_unreadable_file_is_a_problem_and_quotes_nothing() {
    let missing = Inputs { file: Some("/nonexistent/landfall.toml".into()), ..Inputs::default() };
    let told = Config::load(missing).unwrap_err().to_string();
    assert!(told.starts_with("configuration file: cannot be read: "), "{told}");
    let told = with_file("[auth]\njwt_secret_key = hunter2\n").unwrap_err().to_string();
    assert!(told.contains("is not TOML: line 2: "), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}
