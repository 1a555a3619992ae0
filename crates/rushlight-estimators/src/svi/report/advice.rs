//! What would help.
//!
//! Whether enumeration pays is asked of all sites together: enumerating a set `E` of them multiplies the cost by the
//! product of their runs, and leaves the share `1 − Σ_E s` of the variance, while `n` particles at `n` times the cost
//! leave `1 / n`. So it pays where the product of cost and variance (Glynn, Whitt 1992, "The asymptotic efficiency of
//! simulation estimators": the reciprocal of the efficiency) falls below 1; of the sets of those with the largest
//! shares, the best is taken.

use super::facts::Facts;
use std::fmt;

/// What would help against the variance that one site adds.
///
/// Printed it is a sentence.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Advice {
    /// The site; `None` for the rest of the gradient.
    pub site: Option<String>,
    /// Its share of the variance.
    pub share: f64,
    /// What would help.
    pub remedy: Remedy,
}

/// What helps against variance.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Remedy {
    /// The distribution can be drawn with gradients, and is told not to be.
    Pathwise,
    /// Nothing is subtracted from its cost.
    Baseline,
    /// Summing over its outcomes.
    Enumerate {
        /// How many times as often the programs run.
        cost: f64,
    },
    /// Another baseline: this one raises the variance.
    OtherBaseline {
        /// The variance with it, by that without.
        effect: f64,
    },
    /// Nothing in particular: the mean of several.
    Particles,
}

/// A row of the report, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub site: Option<&'a str>,
    pub share: f64,
    /// The variance with the baseline, by that without.
    pub effect: Option<f64>,
    pub facts: Facts,
    /// Whether enumeration would pay.
    enumerate: bool,
}

/// Smaller shares are not worth a word.
const SHARE: f64 = 0.1;
/// Gradients need not be more exact than this: the optimizer's steps are noisier.
const LEFT: f64 = 0.01;

/// A gradient with less noise needs no advice: what is left may be rounding.
const QUIET: f64 = 1e4;

/// The remedies, the cheapest first; the first one that serves is advised.
const REMEDIES: [fn(&Candidate<'_>) -> Option<Remedy>; 5] = [
    |c| c.facts.hidden_pathwise.then_some(Remedy::Pathwise),
    |c| (c.site.is_some() && !c.facts.baseline).then_some(Remedy::Baseline),
    |c| c.facts.runs.filter(|_| c.enumerate).map(|cost| Remedy::Enumerate { cost }),
    |c| c.effect.filter(|effect| *effect > 1.0).map(|effect| Remedy::OtherBaseline { effect }),
    |_| Some(Remedy::Particles),
];

impl<'a> Candidate<'a> {
    pub fn new(site: Option<&'a str>, share: f64, effect: Option<f64>, facts: Facts) -> Self {
        Self { site, share, effect, facts, enumerate: false }
    }
}

/// What to do about each of the rows that matter, the largest first, in a gradient with this signal-to-noise.
pub(super) fn advise(signal_to_noise: Option<f64>, mut rows: Vec<Candidate<'_>>) -> Vec<Advice> {
    if signal_to_noise.is_none_or(|ratio| ratio > QUIET) {
        return Vec::new();
    }
    rows.sort_by(|a, b| b.share.total_cmp(&a.share));
    find_enumerable(&mut rows);
    let mut all = Vec::new();
    for row in rows.iter().filter(|row| row.share >= SHARE && !row.facts.enumerated) {
        if let Some(remedy) = REMEDIES.iter().find_map(|remedy| remedy(row)) {
            all.push(Advice { site: row.site.map(str::to_owned), share: row.share, remedy });
        }
    }
    all
}

/// Marks those whose enumeration pays, of rows in descending order.
fn find_enumerable(rows: &mut [Candidate<'_>]) {
    let (mut cost, mut left) = (1.0, 1.0f64);
    let (mut best, mut to) = (1.0, 0);
    for (i, row) in rows.iter().enumerate().filter(|(_, row)| row.share >= SHARE) {
        let Some(runs) = row.facts.runs else { continue };
        cost *= runs;
        left -= row.share;
        if cost * left.max(LEFT) < best {
            (best, to) = (cost * left.max(LEFT), i + 1);
        }
    }
    rows[..to].iter_mut().for_each(|row| row.enumerate = row.facts.runs.is_some());
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let site = self.site.as_deref().unwrap_or("the rest");
        write!(f, "{site}: {:.0} % of the variance; {}", 100.0 * self.share, self.remedy)
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pathwise => f.write_str(
                "its distribution can be drawn with gradients: leave out `without_rsample` or `score_function`",
            ),
            Self::Baseline => f.write_str("it has no baseline: one costs next to nothing"),
            Self::Enumerate { cost } => {
                write!(f, "enumeration would remove it at {cost:.0} times the cost")
            }
            Self::OtherBaseline { effect } => write!(
                f,
                "its baseline makes it {effect:.2} times as large: choose another one, or `no_baseline`"
            ),
            Self::Particles => f.write_str("n particles would divide it by n, at n times the cost"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(site: &'static str, share: f64, runs: f64) -> Candidate<'static> {
        let facts = Facts { runs: Some(runs), baseline: true, ..Facts::default() };
        Candidate::new(Some(site), share, Some(0.5), facts)
    }

    fn advised(rows: Vec<Candidate<'_>>) -> Vec<Remedy> {
        advise(Some(0.1), rows).into_iter().map(|a| a.remedy).collect()
    }

    /// Cost times what is left: 2 · 0.17 < 1; 8 · 0.17 > 1; 2 · 0.5 = 1, but 4 · 0.01 < 1; 101 runs are never worth it.
    #[test]
    fn enumeration_is_advised_where_particles_are_worse() {
        let two = Remedy::Enumerate { cost: 2.0 };
        assert_eq!(advised(vec![row("a", 0.83, 2.0), row("b", 0.05, 2.0)]), [two]);
        assert_eq!(advised(vec![row("a", 0.83, 8.0)]), [Remedy::Particles]);
        assert_eq!(advised(vec![row("a", 0.5, 2.0), row("b", 0.5, 2.0)]), [two, two]);
        assert_eq!(advised(vec![row("a", 1.0, 99.0)]), [Remedy::Enumerate { cost: 99.0 }]);
        assert_eq!(advised(vec![row("a", 1.0, 101.0)]), [Remedy::Particles]);
    }

    #[test]
    fn nothing_is_advised_against_rounding() {
        for quiet in [Some(1e5), None] {
            assert_eq!(advise(quiet, vec![row("a", 1.0, 2.0)]), []);
        }
        let mut done = row("a", 1.0, 2.0);
        done.facts.enumerated = true;
        assert_eq!(advised(vec![done]), []);
    }

    /// What is free comes first, and a baseline that does harm is told.
    #[test]
    fn the_cheapest_remedy_comes_first() {
        let mut one = row("a", 0.9, 2.0);
        one.facts.baseline = false;
        assert_eq!(advised(vec![one]), [Remedy::Baseline]);
        one.facts.hidden_pathwise = true;
        assert_eq!(advised(vec![one]), [Remedy::Pathwise]);
        let harm = Candidate { effect: Some(1.5), ..row("a", 0.9, 1e3) };
        assert_eq!(advised(vec![harm]), [Remedy::OtherBaseline { effect: 1.5 }]);
        let rest = Candidate::new(None, 0.9, None, Facts::default());
        assert_eq!(advised(vec![rest]), [Remedy::Particles]);
    }

    #[test]
    fn it_is_a_sentence() {
        let told: Vec<String> =
            advise(Some(0.1), vec![row("z2", 0.8312, 2.0)]).iter().map(Advice::to_string).collect();
        assert_eq!(
            told,
            ["z2: 83 % of the variance; enumeration would remove it at 2 times the cost"]
        );
    }
}
