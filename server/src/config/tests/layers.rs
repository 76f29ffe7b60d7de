//! Which layer wins, and that the winner is named.

use super::super::{FILE_VARIABLE, Flags, Origin};
use super::{TempFile, with, with_env, with_file};

fn listen(env: &[(&str, &str)], flag: Option<&str>) -> (String, Origin) {
    let flags = Flags { listen: flag.map(str::to_owned), data_dir: None };
    let (_file, loaded) = with("[server]\nlisten = \"127.0.0.1:2\"", env, flags);
    let loaded = loaded.unwrap();
    (loaded.config.server.listen.to_string(), loaded.effective.origin("server.listen"))
}

#[test]
fn a_file_wins_over_the_default_and_leaves_the_rest() {
    let (address, origin) = listen(&[], None);
    assert_eq!(address, "127.0.0.1:2");
    assert!(matches!(origin, Origin::File(_)));
    let loaded = with_file("[server]\nlisten = \"127.0.0.1:2\"").unwrap();
    assert_eq!(loaded.config.server.backlog, 4096);
    assert_eq!(loaded.effective.origin("server.backlog"), Origin::Default);
}

#[test]
fn the_environment_wins_over_a_file() {
    let (address, origin) = listen(&[("LANDFALL_SERVER_LISTEN", "127.0.0.1:3")], None);
    assert_eq!(address, "127.0.0.1:3");
    assert_eq!(origin, Origin::Env("LANDFALL_SERVER_LISTEN".to_owned()));
}

#[test]
fn a_flag_wins_over_all() {
    let env = [("LANDFALL_SERVER_LISTEN", "127.0.0.1:3")];
    let (address, origin) = listen(&env, Some("127.0.0.1:4"));
    assert_eq!(address, "127.0.0.1:4");
    assert_eq!(origin, Origin::Flag("--listen"));
}

#[test]
fn a_wrong_value_that_a_later_layer_replaces_stops_nothing() {
    let (_file, loaded) =
        with("[log]\nlevel = \"loud\"", &[("LANDFALL_LOG_LEVEL", "debug")], Flags::default());
    assert_eq!(loaded.unwrap().config.log.level, super::super::LogLevel::Debug);
}

#[test]
fn the_environment_can_name_the_file() {
    let file = TempFile::new("[store]\nreaders = 7");
    let loaded = with_env(&[(FILE_VARIABLE, file.path().to_str().unwrap())]).unwrap();
    assert_eq!(loaded.config.store.readers, 7);
}

#[test]
fn a_list_is_spelled_with_commas_or_as_toml() {
    for text in ["metrics:read, notify:send:quiz", "[\"metrics:read\", 'notify:send:quiz']"] {
        let loaded = with_env(&[("LANDFALL_AUTH_ROLES_STUDENT", text)]).unwrap();
        assert_eq!(loaded.config.auth.roles["student"], ["metrics:read", "notify:send:quiz"]);
    }
}

#[test]
fn a_file_adds_roles_and_changes_known_ones() {
    let text = "[auth.roles]\nteacher = []\n\"head.teacher\" = [\"notify:send:quiz\"]";
    let loaded = with_file(text).unwrap();
    let roles = &loaded.config.auth.roles;
    assert_eq!(roles["head.teacher"], ["notify:send:quiz"]);
    assert!(roles["teacher"].is_empty());
    assert_eq!(roles["service"].len(), 8);
    assert!(loaded.effective.to_string().contains("auth.roles.\"head.teacher\" = ["));
}

#[test]
fn what_is_printed_loads_again() {
    let loaded = with_file("[auth.roles]\n\"a b\" = []\n[log]\nformat = \"json\"").unwrap();
    let again = with_file(&loaded.effective.to_string()).unwrap();
    assert_eq!(again.config.log.format, super::super::LogFormat::Json);
    assert!(again.config.auth.roles["a b"].is_empty());
}
