//! Pictures of a problem, as SVG: variance times time of every arm, and the variance along the run. Scales are logarithmic.

use crate::report::Report;
use plotters::coord::Shift;
use plotters::prelude::*;
use std::error::Error;
use std::path::Path;

type Drawn = Result<(), Box<dyn Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const BAR: i32 = 22;
const LABELS: i32 = 240;
const WIDTH: i32 = 820;
/// An arm without variance has no place on the scale; its bar has this length.
const NOTHING: i32 = 3;

/// Both, one above the other.
pub fn problem(folder: &Path, report: &Report) -> Drawn {
    let path = folder.join(format!("{}.svg", report.problem));
    let bars = report.rows.len() as i32 * BAR + 60;
    let area = SVGBackend::new(&path, (WIDTH as u32, bars as u32 + 340)).into_drawing_area();
    area.fill(&WHITE)?;
    let (above, below) = area.split_vertically(bars);
    draw_bars(&above, report)?;
    draw_curves(&below, report)?;
    area.present()?;
    Ok(())
}

fn draw_bars(area: &Area<'_>, report: &Report) -> Drawn {
    let title = format!("{}: variance x microseconds a step", report.problem);
    area.draw(&Text::new(title, (12, 12), ("sans-serif", 16)))?;
    let logs = report.rows.iter().map(|r| r.product().log10()).filter(|x| x.is_finite());
    let (low, high) = logs.fold((f64::MAX, f64::MIN), |(l, h), x| (l.min(x), h.max(x)));
    let (low, high) = (low.floor() - 0.2, high.ceil() + 0.2);
    for (i, row) in report.rows.iter().enumerate() {
        let y = 40 + i as i32 * BAR;
        area.draw(&Text::new(row.arm, (12, y + 4), ("sans-serif", 13)))?;
        let log = row.product().log10();
        let room = f64::from(WIDTH - LABELS - 100);
        let length = match log.is_finite() {
            true => ((log - low) / (high - low) * room) as i32,
            false => NOTHING,
        };
        let corners = [(LABELS, y), (LABELS + length, y + BAR - 6)];
        area.draw(&Rectangle::new(corners, BLUE.mix(0.6).filled()))?;
        let value = format!("{:.2e}", row.product());
        area.draw(&Text::new(value, (LABELS + length + 6, y + 4), ("sans-serif", 12)))?;
    }
    Ok(())
}

fn draw_curves(area: &Area<'_>, report: &Report) -> Drawn {
    // A step without variance is left out of its line.
    let curves: Vec<(&str, Vec<(f64, f64)>)> = report
        .along
        .curves()
        .map(|(arm, curve)| {
            let points = curve.into_iter().enumerate().map(|(t, v)| (t as f64, v.log10()));
            (arm, points.filter(|(_, y)| y.is_finite() && *y > -30.0).collect())
        })
        .collect();
    let points = || curves.iter().flat_map(|(_, curve)| curve.iter().copied());
    let (low, high) = points().fold((f64::MAX, f64::MIN), |(l, h), (_, y)| (l.min(y), h.max(y)));
    if low > high {
        return Ok(());
    }
    let last = points().map(|(x, _)| x).fold(1.0, f64::max);
    let mut chart =
        ChartBuilder::on(area)
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d(0.0..last, low.floor()..high.ceil().max(low.floor() + 1.0))?;
    chart.configure_mesh().x_desc("step").y_desc("log10 of the variance").draw()?;
    for (i, (arm, curve)) in curves.into_iter().enumerate() {
        let color = Palette99::pick(i).to_rgba();
        chart
            .draw_series(LineSeries::new(curve, color.stroke_width(2)))?
            .label(arm)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .border_style(BLACK)
        .background_style(WHITE)
        .draw()?;
    Ok(())
}
