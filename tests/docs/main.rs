//! Every public item is shown by an example that asserts something.
//!
//! The crates' sources are read with `syn`; whatever a user can name is listed: structs, enums, traits, functions,
//! type aliases, constants, inherent methods and trait methods. Out are modules, variants, fields, associated constants
//! and types, methods of trait implementations, and what is `#[doc(hidden)]`. An example is a doctest that runs and
//! holds an assertion. An item is covered
//!
//! * by an example of its own;
//! * a method, by an example on the page of its type or trait, or of the module that shows it, which calls it by
//!   name (a constructor as `Type::name`) or implements it;
//! * a required method of a trait, by any such example of the crate;
//! * a function, by an example of the module that shows it which calls it;
//! * anything else, by an example of that module which names it.
//!
//! Hidden lines, comments, texts and imports of an example do not count. Names are compared, types are not resolved.
//!
//! `cargo test --release -p rushlight --test docs`; with `-- --nocapture` the counts are shown.

mod coverage;
mod examples;
mod macros;
mod modules;

use coverage::Item;
use modules::Module;
use std::path::Path;

/// The public items of the crate whose sources are in this folder.
fn items(folder: &str) -> Vec<Item> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    coverage::of(&Module::root(&folder.join("lib.rs")))
}

/// Fails with the list of what is not covered.
#[track_caller]
fn covered(folder: &str) {
    let items = items(folder);
    let bare: Vec<String> =
        items.iter().filter(|item| !item.covered).map(|item| item.to_string()).collect();
    println!("{folder}: {} of {} covered", items.len() - bare.len(), items.len());
    assert!(bare.is_empty(), "{} items without an example:\n{}", bare.len(), bare.join("\n"));
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

/// One of each kind: in public modules, through re-exports, and out of macros.
#[test]
fn items_are_found() {
    let items =
        [items("crates/rushlight-distributions/src"), items("crates/rushlight-estimators/src")];
    for name in [
        "Normal",
        "Normal::new",
        "Distribution::cdf",
        "Real::ln",
        "kl_divergence",
        "MAX_RANK",
        "ParamMap",
        "Constraint",
        "ndtri",
        "LowerCholesky",
        "Traced::sum_keepdim",
        "Adam::weight_decay",
    ] {
        assert_eq!(items.iter().flatten().filter(|item| item.name == name).count(), 1, "{name}");
    }
    // Neither what is private, nor what is of no type that can be named.
    for name in ["Normal::placement", "NormalDensity", "Base::step"] {
        assert!(items.iter().flatten().all(|item| item.name != name), "{name}");
    }
}
