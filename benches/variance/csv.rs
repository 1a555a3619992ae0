//! What was found, for other programs.

use crate::arms::{AVERAGE, DEFAULT, NONE};
use crate::report::Report;
use crate::spread::Interval;
use std::fmt::Display;
use std::fs;
use std::io;
use std::path::Path;

/// `variance.csv`: the arms at their points.
pub fn points(folder: &Path, reports: &[Report]) -> io::Result<()> {
    let mut text =
        "problem,arm,numbers,variance,half_width_95,exact,us_per_step,variance_times_us\n"
            .to_owned();
    for report in reports {
        for row in &report.rows {
            let m = &row.measured;
            let Interval { value, half } = m.variance;
            text += &format!(
                "{},\"{}\",{},{value:e},{half:e},{},{},{:e}\n",
                report.problem,
                row.arm,
                m.numbers,
                optional(m.exact),
                row.time,
                row.product()
            );
        }
    }
    fs::write(folder.join("variance.csv"), text)
}

/// `default.csv`: the default arm over the average; steps count from 0, the last is left out.
pub fn defaults(folder: &Path, reports: &[Report]) -> io::Result<()> {
    let mut text = "problem,where,from,to,ratio,half_width_95\n".to_owned();
    for report in reports {
        let mut line = |place: &str, from: usize, to: usize, of: Option<Interval>| {
            if let Some(Interval { value, half }) = of {
                text += &format!("{},{place},{from},{to},{value},{half}\n", report.problem);
            }
        };
        line("point", 0, 0, report.at_the_point());
        for window in report.along.windows() {
            line("run", window.start, window.end, report.along.ratio(DEFAULT, &window));
        }
        let time = |over| report.overhead(over).map(|value| Interval { value, half: f64::NAN });
        line("time over average", 0, 0, time(AVERAGE));
        line("time over none", 0, 0, time(NONE));
    }
    fs::write(folder.join("default.csv"), text)
}

/// `run.csv`: the variance of each step along the run.
pub fn runs(folder: &Path, reports: &[Report]) -> io::Result<()> {
    let mut text = "problem,arm,step,variance\n".to_owned();
    for report in reports {
        for (arm, curve) in report.along.curves() {
            for (step, variance) in curve.into_iter().enumerate() {
                text += &format!("{},\"{arm}\",{step},{variance:e}\n", report.problem);
            }
        }
    }
    fs::write(folder.join("run.csv"), text)
}

fn optional(x: Option<impl Display + std::fmt::LowerExp>) -> String {
    x.map_or(String::new(), |x| format!("{x:e}"))
}
