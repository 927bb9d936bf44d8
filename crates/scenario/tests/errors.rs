//! What people read when a scenario is wrong. Each file in `broken/` is one mistake, or several.

use std::error::Error;
use std::fs;
use std::path::Path;

use wirebench_scenario::{FileError, Overrides, Scenario};

/// The words of the error under which a scenario is refused.
fn refusal(path: &Path, overrides: &Overrides) -> Result<String, Box<dyn Error>> {
    match Scenario::load(path, overrides) {
        Ok(_) => Err(format!("`{}` was accepted", path.display()).into()),
        Err(error) => Ok(error.to_string()),
    }
}

fn set(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[test]
fn every_broken_scenario_is_told_all_that_is_wrong_with_it() -> Result<(), Box<dyn Error>> {
    let mut files: Vec<_> = fs::read_dir("tests/broken")?
        .map(|file| Ok(file?.path()))
        .collect::<Result<_, std::io::Error>>()?;
    files.sort();
    assert!(files.len() > 12, "only {} broken scenarios", files.len());
    for file in files {
        let name = file.file_stem().ok_or("a file has a name")?.to_string_lossy().into_owned();
        let (text, refusal) = (fs::read_to_string(&file)?, refusal(&file, &Overrides::default())?);
        insta::with_settings!({ description => text, omit_expression => true }, {
            insta::assert_snapshot!(name, refusal);
        });
    }
    Ok(())
}

#[test]
fn what_the_command_line_gets_wrong_is_named_by_its_argument() -> Result<(), Box<dyn Error>> {
    let overrides = Overrides {
        set: vec![
            set("crowd.subscribers", "ten"),
            set("feed.rte", "10"),
            set("feed.pace", "burst"),
            set("link.delay", "[5ms, 10ms]"),
            set("http", "1"),
            set("", ""),
            set("thresholds.sse.missing", "0"),
            set("thresholds.ssr.missing", "== 0"),
        ],
        transports: Some(Vec::new()),
        repeat: Some(0),
        targets: Vec::new(),
    };
    insta::assert_snapshot!(refusal(Path::new("tests/broken/nobody.toml"), &overrides)?);
    Ok(())
}

#[test]
fn a_scenario_that_cannot_be_read_says_what_to_do() -> Result<(), Box<dyn Error>> {
    let none = Overrides::default();
    let near = refusal(Path::new("tests/broken/nobdy.toml"), &none)?;
    let far = refusal(Path::new("tests/nowhere/at-all.toml"), &none)?;
    let folder = refusal(Path::new("tests/broken"), &none)?;
    insta::assert_snapshot!([near, far, folder].join("\n"));
    Ok(())
}

#[test]
fn problems_come_sorted_by_place() -> Result<(), Box<dyn Error>> {
    let text = "[timing]\nrepeat = 0\n[feed]\nrate = 0\n[crowd]\nsubscribers = 0\n";
    match Scenario::parse("test", text, Path::new(""), &Overrides::default()) {
        Err(FileError::Invalid { problems, .. }) => {
            assert_eq!(problems.len(), 3);
            assert!(problems.is_sorted());
            Ok(())
        }
        other => Err(format!("{other:?}").into()),
    }
}
