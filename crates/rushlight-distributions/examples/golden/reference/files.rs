//! Files of cases: which format each is in, and the cases one after the other.

use super::report::{Report, Section};
use super::tally::{Lack, Tally};
use super::{density, implicit, special, transforms};
use serde_json::Value;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// A format, told by the keys that all its cases have.
struct Format {
    keys: &'static [&'static str],
    what: &'static str,
    check: fn(&mut Tally, &Value),
}

const FORMATS: [Format; 4] = [
    Format { keys: &["dist", "points"], what: "distributions", check: density::check },
    Format { keys: &["fn", "args"], what: "special functions", check: special::check },
    Format { keys: &["transform", "x"], what: "transforms", check: transforms::check },
    Format { keys: &["dist", "grads"], what: "draws", check: implicit::check },
];

/// The key of cases that are whole models: nothing for a crate that knows no programs.
const KEY_OF_MODELS: &str = "kind";
const OF_MODELS: &str = "cases of whole models, which this crate has no formats for";

/// Compares all cases of a file, given by its text.
///
/// # Errors
///
/// What is not JSON, has no cases, or has one in no known format.
pub fn check(text: &str) -> Result<(Tally, String), String> {
    let file: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    let cases = file.get("cases").unwrap_or(&file).as_array();
    let cases = cases.filter(|cases| !cases.is_empty()).ok_or("no list of cases")?;
    let mut tally = Tally::default();
    let mut kinds: Vec<&str> = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        let format = FORMATS.iter().find(|f| f.keys.iter().all(|key| case.get(key).is_some()));
        let Some(format) = format else {
            let keys: Vec<&String> =
                case.as_object().into_iter().flatten().map(|(k, _)| k).collect();
            if keys.iter().any(|key| *key == KEY_OF_MODELS) {
                return Err(OF_MODELS.into());
            }
            return Err(format!("case {i} is in no known format, by its keys {keys:?}"));
        };
        if !kinds.contains(&format.what) {
            kinds.push(format.what);
        }
        let run = AssertUnwindSafe(|| (format.check)(&mut tally, case));
        if catch_unwind(run).is_err() {
            tally.lack("a case", Lack::Broken(format!("panicked in case {i}")));
        }
    }
    Ok((tally, format!("{} cases of {}", cases.len(), kinds.join(", "))))
}

/// Compares all files, and those of folders.
pub fn run(paths: &[PathBuf]) -> Report {
    let mut report = Report::default();
    for path in paths {
        if path.is_dir() {
            folder(&mut report, path);
        } else {
            report.sections.push(file(path));
        }
    }
    report
}

fn folder(report: &mut Report, path: &Path) {
    let entries = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        entries.filter(|p| p.extension().is_some_and(|e| e == "json")).collect();
    files.sort();
    if files.is_empty() {
        let problem = format!("{}: no `*.json` in this folder", path.display());
        report.sections.push(Section::Problem(problem));
    }
    for path in files {
        // A folder of references may hold some for others.
        report.sections.push(match file(&path) {
            Section::Problem(problem) if problem.ends_with(OF_MODELS) => Section::Skipped(problem),
            section => section,
        });
    }
}

fn file(path: &Path) -> Section {
    let text = fs::read_to_string(path).map_err(|error| error.to_string());
    match text.and_then(|text| check(&text)) {
        Ok((tally, what)) => {
            Section::Compared { title: format!("{}: {what}", path.display()), tally }
        }
        Err(problem) => Section::Problem(format!("{}: {problem}", path.display())),
    }
}

/// The text under a key, or nothing.
pub fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap_or_default()
}

/// What a case is called: its `id`, if it has one.
pub fn id(case: &Value, otherwise: &str) -> String {
    case["id"].as_str().unwrap_or(otherwise).to_string()
}
