//! An operator's templates are checked with the configuration.

use super::{with_env, with_file, wrong};

#[test]
fn every_fault_of_a_template_stops_the_start() {
    let dir = std::env::temp_dir().join(format!("landfall-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir_all(dir.join("welcome")).unwrap();
    let manifest = "description = \"d\"\nchannels = []\npriority = \"low\"\n";
    std::fs::write(dir.join("welcome/template.toml"), manifest).unwrap();
    let text = "{% block title %}{{ a }}{% endblock %}\n{% block message %}{{ b }}{% endblock %}\n";
    std::fs::write(dir.join("welcome/en.j2"), text).unwrap();
    let path = dir.to_str().unwrap();
    let told = with_env(&[("LANDFALL_TEMPLATES_DIR", path)]).unwrap_err().to_string();
    let expected = |line: usize, name: &str| {
        let file = format!("templates.dir: {path}/welcome/en.j2:{line}");
        format!("{file}: {name} is no field of template.toml (environment LANDFALL_TEMPLATES_DIR)")
    };
    assert_eq!(told.lines().collect::<Vec<_>>(), [expected(1, "a"), expected(2, "b")]);
    std::fs::write(
        dir.join("welcome/template.toml"),
        format!("{manifest}[required]\na = \"text\"\nb = \"text\"\n"),
    )
    .unwrap();
    let loaded = with_env(&[("LANDFALL_TEMPLATES_DIR", path)]).unwrap();
    assert_eq!(loaded.config.templates.dir(), Some(dir.as_path()));
    std::fs::remove_dir_all(&dir).unwrap();
    let told = wrong(with_env(&[("LANDFALL_TEMPLATES_DIR", path)]));
    assert!(told[0].contains("cannot be read: "), "{told:?}");
}

#[test]
fn the_default_language_is_one() {
    let told = wrong(with_file("[notify]\nlocale = \"spanish!\""));
    assert_eq!(
        told,
        ["notify.locale: must name a language, such as es or pt-BR, not \"spanish!\""]
    );
    let loaded = with_file("[notify]\nlocale = \"pt-BR\"").unwrap();
    assert_eq!(loaded.config.template_rules().locale, "pt-BR");
    assert!(loaded.config.templates.dir().is_none());
}
