//! All choices of rows that subsampled plates can make.

use super::Known;
use super::programs::Programs;
use candle_core::Tensor;
use rushlight_trace::{Error, Frame, Result, Site, Source, Trace};
use std::sync::Arc;

/// The rows of every plate that draws its own, as a trace to replay; none where there is no such plate.
pub(super) type RowChoice = Option<Arc<Trace>>;

/// Where runs take the rows from.
pub(super) fn source(choice: &RowChoice) -> Option<Source> {
    choice.clone().map(Source::Replay)
}

/// Every subset of the rows of every plate that draws its own, all of them equally likely; at most `most`.
///
/// Subsets, not orders: to a plate its rows are alike.
pub(super) fn choices(programs: &Programs<'_>, most: usize) -> Result<Known<Vec<RowChoice>>> {
    let probe = programs.particle(programs.run(0, 0), &[])?;
    let sites = probe.guide().sites().chain(probe.model().sites());
    let mut plates: Vec<&Frame> = Vec::new();
    for frame in sites.flat_map(Site::plates).filter(|f| f.len < f.size) {
        if !plates.contains(&frame) && draws_rows(programs, frame)? {
            plates.push(frame);
        }
    }
    if plates.is_empty() {
        return Ok(Ok(vec![None]));
    }
    let mut choices: Vec<Vec<(&Frame, Vec<u32>)>> = vec![Vec::new()];
    for frame in plates {
        let subsets = subsets(frame.size as u32, frame.len, most);
        if subsets.len() * choices.len() > most {
            let (plate, len, size) = (&frame.name, frame.len, frame.size);
            return Ok(Err(format!(
                "plate `{plate}` has too many subsets of {len} of {size} rows"
            )));
        }
        let longer = choices.iter().flat_map(|choice| {
            let with =
                |rows: &Vec<u32>| choice.iter().cloned().chain([(frame, rows.clone())]).collect();
            subsets.iter().map(with).collect::<Vec<_>>()
        });
        choices = longer.collect();
    }
    let traces = choices.iter().map(|choice| trace(programs, choice).map(Some));
    traces.collect::<Result<_>>().map(Ok)
}

/// A trace that has these rows, and nothing else.
fn trace(programs: &Programs<'_>, choice: &[(&Frame, Vec<u32>)]) -> Result<Arc<Trace>> {
    let (trace, ()) = programs.run(0, 0).execute(|ctx| {
        for (frame, rows) in choice {
            let rows = Tensor::new(rows.as_slice(), &programs.device)?;
            ctx.subsample_rows(&frame.name, frame.size, rows, |_, _| Ok(()))?;
        }
        Ok(())
    })?;
    Ok(Arc::new(trace))
}

/// Whether a plate takes the rows that it is told; one whose rows the program gives refuses.
fn draws_rows(programs: &Programs<'_>, frame: &Frame) -> Result<bool> {
    let (len, size) = (frame.len as u32, frame.size as u32);
    for rows in [0..len, size - len..size] {
        let choice = Some(trace(programs, &[(frame, rows.collect())])?);
        let rows = source(&choice);
        let guide = programs.guide(0, rows.iter().cloned().chain([Source::Prior]));
        match guide.and_then(|g| programs.replayed(programs.run(0, 0), g, rows.as_ref())) {
            Err(Error::PlateRowsDiffer { .. }) => return Ok(false),
            other => drop(other?),
        }
    }
    Ok(true)
}

/// All subsets of `count` of `size` rows, in order; one more than `most` of them, if there are.
fn subsets(size: u32, count: usize, most: usize) -> Vec<Vec<u32>> {
    let mut all = Vec::new();
    let mut subset: Vec<u32> = (0..count as u32).collect();
    while all.len() <= most {
        all.push(subset.clone());
        let last = |i: usize| size - (count - i) as u32;
        let Some(i) = (0..count).rev().find(|&i| subset[i] < last(i)) else { break };
        subset[i] += 1;
        for k in i + 1..count {
            subset[k] = subset[k - 1] + 1;
        }
    }
    all
}

#[test]
fn subsets_are_all_of_them() {
    assert_eq!(subsets(4, 2, 100), [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]);
    assert_eq!(subsets(3, 3, 100), [[0, 1, 2]]);
    assert_eq!(subsets(20, 10, 100).len(), 101);
}
