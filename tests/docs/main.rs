//! Every public item is shown by an example that asserts something.
//!
//! The crates' sources are read with `syn`; whatever a user can name is listed: structs, enums, traits, functions,
//! type aliases, constants, inherent methods and trait methods. Out are modules, variants, fields, associated constants
//! and types, methods of trait implementations, and what is `#[doc(hidden)]`. An example is a doctest that runs and
//! holds an assertion. An item is covered
//!
//! * by an example of its own;
//! * a method, by an example on the page of its type or trait, or of the module that shows it, which calls it by
//!   name (a constructor as `Type::name`);
//! * a required method of a trait, by any example of the crate which calls it, or implements it;
//! * anything else, by an example of the module that shows it which names it.
//!
//! `cargo test --release -p rushlight --test docs`; with `-- --nocapture` the counts are shown.

mod coverage;
mod examples;
mod macros;
mod modules;

use coverage::Item;
use modules::Module;
use std::path::Path;

/// Lists what is not covered in the crate whose sources are in this folder, and fails unless the list is empty.
#[track_caller]
fn covered(folder: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let items = coverage::of(&Module::root(&folder.join("lib.rs")));
    let bare: Vec<&Item> = items.iter().filter(|item| !item.covered).collect();
    println!("{}: {} of {} covered", folder.display(), items.len() - bare.len(), items.len());
    assert!(items.len() > 50, "only {} items were found", items.len());
    let list: Vec<String> = bare
        .iter()
        .map(|item| format!("{}:{}: {}", item.file.display(), item.line, item.name))
        .collect();
    assert!(list.is_empty(), "{} items without an example:\n{}", list.len(), list.join("\n"));
}

#[test]
fn distributions() {
    covered("crates/rushlight-distributions/src");
}

#[test]
fn trace() {
    covered("crates/rushlight-trace/src");
}

#[test]
fn estimators() {
    covered("crates/rushlight-estimators/src");
}
