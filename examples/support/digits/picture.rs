//! Pictures, as SVG.

use plotters::prelude::*;
use std::error::Error;
use std::path::Path;

type Drawn = Result<(), Box<dyn Error>>;

/// Two curves over epochs: training and test.
pub fn curves(path: &Path, points: &[(f64, f64)]) -> Drawn {
    let area = SVGBackend::new(path, (640, 400)).into_drawing_area();
    area.fill(&WHITE)?;
    let all = || points.iter().flat_map(|&(a, b)| [a, b]);
    let (low, high) = all().fold((f64::MAX, f64::MIN), |(l, h), y| (l.min(y), h.max(y)));
    let margin = ((high - low) * 0.05).max(1.0);
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d(1..points.len().max(2), low - margin..high + margin)?;
    chart.configure_mesh().x_desc("epoch").y_desc("ELBO a digit, nats").draw()?;
    let (train, test): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
    for (label, color, elbo) in [("training", BLUE, train), ("test", RED, test)] {
        let line = elbo.into_iter().enumerate().map(|(i, y)| (i + 1, y));
        chart
            .draw_series(LineSeries::new(line, color.stroke_width(2)))?
            .label(label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .border_style(BLACK)
        .background_style(WHITE)
        .draw()?;
    area.present()?;
    Ok(())
}

/// Rows of square pictures with brightness in [0, 1].
pub fn digits(path: &Path, rows: &[Vec<Vec<f32>>]) -> Drawn {
    const PIXEL: i32 = 2;
    const GAP: i32 = 8;
    let pixels = rows.first().and_then(|r| r.first()).map_or(0, Vec::len);
    let side = pixels.isqrt() as i32;
    let pitch = side * PIXEL + GAP;
    let across = rows.iter().map(Vec::len).max().unwrap_or(0) as i32;
    let size = ((across * pitch + GAP) as u32, (rows.len() as i32 * pitch + GAP) as u32);
    let area = SVGBackend::new(path, size).into_drawing_area();
    area.fill(&BLACK)?;
    for (r, row) in rows.iter().enumerate() {
        for (c, picture) in row.iter().enumerate() {
            for (i, &brightness) in picture.iter().enumerate() {
                let grey = (brightness.clamp(0.0, 1.0) * 255.0) as u8;
                if grey > 8 {
                    let x = GAP + c as i32 * pitch + (i as i32 % side) * PIXEL;
                    let y = GAP + r as i32 * pitch + (i as i32 / side) * PIXEL;
                    let color = RGBColor(grey, grey, grey).filled();
                    area.draw(&Rectangle::new([(x, y), (x + PIXEL, y + PIXEL)], color))?;
                }
            }
        }
    }
    area.present()?;
    Ok(())
}
