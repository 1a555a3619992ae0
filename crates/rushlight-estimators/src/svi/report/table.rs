//! The report as a page.

use super::{Noise, Price, VarianceReport};
use std::fmt;

impl fmt::Display for VarianceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.params.is_empty() {
            return writeln!(f, "{} steps: a variance takes two or more", self.steps);
        }
        writeln!(
            f,
            "{} steps, of which the last {:.0} count; signal-to-noise is |mean|² / variance",
            self.steps, self.whole.count
        )?;
        let width = width(self.params.iter().map(|p| p.param.len()));
        writeln!(
            f,
            "\n{:width$} {:>9} {:>10} {:>7} {:>10}",
            "parameter", "elements", "variance", "share", "signal/n."
        )?;
        let mut row = |name: &str, noise: &Noise, share: f64| {
            writeln!(
                f,
                "{name:width$} {:>9} {:>10.3e} {:>7} {:>10}",
                noise.elements,
                noise.variance,
                percent(share),
                told(noise.signal_to_noise)
            )
        };
        for p in &self.params {
            row(&p.param, &p.noise, p.share)?;
        }
        row("all", &self.whole, if self.whole.variance > 0.0 { 1.0 } else { 0.0 })?;
        self.fmt_sites(f)?;
        write!(f, "\n{}", self.price)
    }
}

impl VarianceReport {
    fn fmt_sites(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.sites.first() else {
            return match self.price.every {
                None => Ok(()),
                Some(_) if self.sites_apart => {
                    writeln!(f, "\nsites: a variance takes two of the steps that are looked into")
                }
                Some(_) => writeln!(f, "\nsites: the objective does not tell them apart"),
            };
        };
        let width = width(self.sites.iter().map(|s| s.name().len()));
        writeln!(
            f,
            "\n{:width$} {:>9} {:>10} {:>7} {:>10} {:>10}   in {:.0} steps",
            "site", "", "variance", "share", "signal/n.", "baseline", first.noise.count
        )?;
        for s in &self.sites {
            let effect = s.effect.map_or_else(|| "-".to_owned(), |x| format!("x {x:.3}"));
            writeln!(
                f,
                "{:width$} {:>9} {:>10.3e} {:>7} {:>10} {effect:>10}",
                s.name(),
                "",
                s.noise.variance,
                percent(s.share),
                told(s.noise.signal_to_noise)
            )?;
        }
        if let Some(covariance) = self.covariance {
            writeln!(f, "{:width$} {:>9} {covariance:>10.3e}", "covariance", "")?;
        }
        if !self.advice.is_empty() {
            writeln!(f)?;
        }
        self.advice.iter().try_for_each(|advice| writeln!(f, "{advice}"))
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), percent);
        let Some(every) = self.every else {
            return writeln!(
                f,
                "price: parameters alone are watched, in one pass over the gradient"
            );
        };
        writeln!(
            f,
            "price: {} a step for the parameters; in one step of {every}, {:.1} backward passes more ({}); {} on average",
            more(self.parameters),
            self.backward_passes,
            more(self.sites),
            more(self.on_average)
        )
    }
}

fn width(names: impl Iterator<Item = usize>) -> usize {
    names.max().unwrap_or(0).max(10)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn told(signal_to_noise: Option<f64>) -> String {
    signal_to_noise.map_or_else(|| "-".to_owned(), |x| format!("{x:.3}"))
}
