//! What is printed.

use super::tally::{Row, Tally};
use serde_json::{Value, json};
use std::fmt;

/// What came of one file.
pub enum Section {
    Compared {
        title: String,
        tally: Tally,
    },
    /// A file that is for others.
    Skipped(String),
    /// A file that could not be compared.
    Problem(String),
}

/// What came of all.
#[derive(Default)]
pub struct Report {
    pub sections: Vec<Section>,
}

impl Report {
    fn tallies(&self) -> impl Iterator<Item = &Tally> {
        self.sections.iter().filter_map(|section| match section {
            Section::Compared { tally, .. } => Some(tally),
            _ => None,
        })
    }

    fn sum(&self, of: impl Fn(&Tally) -> usize) -> usize {
        self.tallies().map(of).sum()
    }

    pub fn passed(&self) -> usize {
        self.sum(Tally::passed)
    }

    pub fn failed(&self) -> usize {
        self.sum(Tally::failed)
    }

    /// The files that could not be compared.
    pub fn problems(&self) -> impl Iterator<Item = &str> {
        self.sections.iter().filter_map(|section| match section {
            Section::Problem(problem) => Some(problem.as_str()),
            _ => None,
        })
    }

    /// 0 if all agree, 1 if something does not, 2 if a file is none of these.
    pub fn exit_code(&self) -> u8 {
        match (self.problems().count(), self.failed()) {
            (0, 0) => 0,
            (0, _) => 1,
            _ => 2,
        }
    }

    /// The summary.
    pub fn json(&self) -> Value {
        let rows = || self.tallies().flat_map(|tally| &tally.rows);
        let worst = rows().max_by(|a, b| a.worst.total_cmp(&b.worst));
        json!({
            "passed": self.passed(),
            "failed": self.failed(),
            "not_available": self.sum(Tally::not_available),
            "skipped": self.sum(Tally::skipped),
            "cases": self.sum(Tally::cases),
            // JSON has no infinity.
            "worst": worst.map(|row| if row.worst.is_finite() { json!(row.worst) } else { json!("inf") }),
            "worst_at": worst.map(|row| &row.worst_at),
            "problems": self.problems().collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for section in &self.sections {
            match section {
                Section::Compared { title, tally } => {
                    writeln!(f, "{title}\n")?;
                    table(f, tally)?;
                }
                Section::Skipped(what) => writeln!(f, "skipped  {what}")?,
                Section::Problem(problem) => writeln!(f, "error    {problem}")?,
            }
            writeln!(f)?;
        }
        write!(f, "{} passed, {} failed", self.passed(), self.failed())
    }
}

fn table(f: &mut fmt::Formatter<'_>, tally: &Tally) -> fmt::Result {
    let width = tally.rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max(4);
    writeln!(f, "  {:width$}  cases    f64    f32  failed  n/a  f64 only   worst  at", "name")?;
    for Row {
        name,
        cases,
        passed_f64,
        passed_f32,
        failed,
        not_available,
        skipped,
        worst,
        worst_at,
    } in &tally.rows
    {
        writeln!(
            f,
            "  {name:width$}  {cases:5}  {passed_f64:5}  {passed_f32:5}  {failed:6}  {not_available:3}  \
             {skipped:8}  {worst:6.3}  {worst_at}"
        )?;
    }
    for failure in &tally.failures {
        writeln!(f, "  failed   {failure}")?;
    }
    for (what, count) in &tally.broken {
        writeln!(f, "  failed   {what} ({count} quantities)")?;
    }
    for (what, count) in &tally.not_available {
        writeln!(f, "  n/a      {what} ({count} quantities)")?;
    }
    Ok(())
}
