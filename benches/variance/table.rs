//! What was found, for reading.

use crate::arms::{AVERAGE, DEFAULT, NONE};
use crate::report::Report;
use crate::spread::Interval;

/// The arms of a problem at its point.
pub fn of_problem(report: &Report) -> String {
    let numbers = report.rows.iter().map(|r| r.measured.numbers).max().unwrap_or(0);
    let mut text = format!("\n{}: {}\n", report.problem, report.about);
    text += &format!(
        "{:<30} {:>11} {:>8} {:>11} {:>11} {:>10} {:>13}\n",
        format!("a gradient of {numbers}"),
        "variance",
        "+- 95 %",
        "exact",
        "a number",
        "us a step",
        "variance x us"
    );
    for row in &report.rows {
        let Interval { value, half } = row.measured.variance;
        let share = if value > 0.0 { format!("{:.1} %", 100.0 * half / value) } else { "-".into() };
        let exact = row.measured.exact.map_or("".into(), number);
        text += &format!(
            "{:<30} {:>11} {share:>8} {exact:>11} {:>11} {:>10.1} {:>13}\n",
            row.arm,
            number(value),
            number(row.measured.exact.unwrap_or(value) / numbers as f64),
            row.time,
            number(row.product())
        );
    }
    text
}

/// The default arm against the average, problem by problem.
pub fn of_defaults(reports: &[Report]) -> String {
    let mut text = format!(
        "\n`{DEFAULT}` over `{AVERAGE}`: variance with its 95 % interval, equal draws; time a step\n{:<16}",
        "problem"
    );
    for column in [
        "at the point",
        "exactly",
        "along the run",
        "first 10 steps",
        "then to half",
        "second half",
    ] {
        text += &format!(" {column:>16}");
    }
    text += &format!(" {:>8} {:>8}\n", "time", "/ none");
    for report in reports {
        text += &format!("{:<16} {:>16}", report.problem, interval(report.at_the_point()));
        let exactly = report.exactly_at_the_point().map_or(String::new(), |r| format!("{r:.3}"));
        text += &format!(" {exactly:>16}");
        for window in report.along.windows() {
            text += &format!(" {:>16}", interval(report.along.ratio(DEFAULT, &window)));
        }
        for over in [AVERAGE, NONE] {
            text += &format!(" {:>8.2}", report.overhead(over).unwrap_or(f64::NAN));
        }
        text.push('\n');
    }
    text
}

fn interval(of: Option<Interval>) -> String {
    of.filter(|of| of.value.is_finite())
        .map_or(String::new(), |Interval { value, half }| format!("{value:.3} +- {half:.3}"))
}

/// Four digits, in scientific notation where there are many zeros.
fn number(x: f64) -> String {
    match x.abs() {
        0.0 => "0".into(),
        1e-3..1e6 => format!("{x:.4}"),
        _ => format!("{x:.3e}"),
    }
}
