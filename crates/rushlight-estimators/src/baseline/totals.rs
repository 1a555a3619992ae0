//! Sums of costs over the cells of a step.

use super::outcomes::Outcomes;

/// The sum of the costs of each outcome in each column, and how many there are.
pub(super) struct Totals(Vec<(f64, f64)>);

impl Totals {
    /// Those of columns that cells share.
    #[inline(always)]
    pub fn of(outcomes: &Outcomes, costs: &[f64], columns: usize) -> Self {
        if columns == 1 {
            let mut totals = Vec::with_capacity(outcomes.classes);
            for class in 0..outcomes.classes as u32 {
                totals.push(total_of(class, costs, &outcomes.drawn));
            }
            return Self(totals);
        }
        let mut totals = vec![(0.0, 0.0); outcomes.classes * columns];
        let rows = outcomes.drawn.chunks(columns.max(1)).zip(costs.chunks(columns.max(1)));
        for (drawn, costs) in rows {
            for (column, (drawn, cost)) in drawn.iter().zip(costs).enumerate() {
                let (sum, n) = &mut totals[*drawn as usize * columns + column];
                *sum += cost;
                *n += 1.0;
            }
        }
        Self(totals)
    }

    /// `classes` times `columns`.
    pub fn of_outcomes(&self) -> &[(f64, f64)] {
        &self.0
    }
}

/// The sum of the costs in each column.
#[inline(always)]
pub(super) fn of_columns(costs: &[f64], columns: usize) -> Vec<f64> {
    if columns == 1 {
        return vec![total(costs)];
    }
    let mut sums = vec![0.0; columns];
    for row in costs.chunks(columns.max(1)) {
        sums.iter_mut().zip(row).for_each(|(sum, cost)| *sum += cost);
    }
    sums
}

/// How many sums are made side by side: an addition waits for the one before it.
const LANES: usize = 8;

#[inline(always)]
fn total(costs: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let lanes = costs.chunks_exact(LANES);
    let rest: f64 = lanes.remainder().iter().sum();
    for costs in lanes {
        for i in 0..LANES {
            sums[i] += costs[i];
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// The sum of what an outcome has cost, and how often it was drawn.
#[inline(always)]
fn total_of(class: u32, costs: &[f64], drawn: &[u32]) -> (f64, f64) {
    let (mut sums, mut counts) = ([0.0; LANES], [0; LANES]);
    let (costs, drawn) = (costs.chunks_exact(LANES), drawn.chunks_exact(LANES));
    let mut add = |lane: usize, cost: f64, drawn: u32| {
        // Without a branch, which nobody could foresee.
        let here = u64::from(drawn == class);
        sums[lane] += f64::from_bits(cost.to_bits() & here.wrapping_neg());
        counts[lane] += here;
    };
    for (lane, (cost, drawn)) in costs.remainder().iter().zip(drawn.remainder()).enumerate() {
        add(lane, *cost, *drawn);
    }
    for (costs, drawn) in costs.zip(drawn) {
        for lane in 0..LANES {
            add(lane, costs[lane], drawn[lane]);
        }
    }
    (sums.iter().sum(), counts.iter().sum::<u64>() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than the lanes and no multiple of them, in one column and in several, one by one.
    #[test]
    fn sums_are_those_of_a_plain_loop() {
        for (rows, columns) in [(1, 1), (37, 1), (5, 3)] {
            let cells = rows * columns;
            let costs: Vec<f64> = (0..cells).map(|i| (i * 37 % 101) as f64 - 50.0).collect();
            let drawn: Vec<u32> = (0..cells).map(|i| (i * 5 % 3) as u32).collect();
            let outcomes = Outcomes::new(3, drawn.clone(), vec![1.0 / 3.0; 3 * cells]);
            let (mut by_column, mut by_outcome) =
                (vec![0.0; columns], vec![(0.0, 0.0); 3 * columns]);
            for (i, (cost, drawn)) in costs.iter().zip(&drawn).enumerate() {
                by_column[i % columns] += cost;
                let (sum, count) = &mut by_outcome[*drawn as usize * columns + i % columns];
                (*sum, *count) = (*sum + cost, *count + 1.0);
            }
            // Whole numbers: sums are exact in any order.
            assert_eq!(of_columns(&costs, columns), by_column);
            assert_eq!(Totals::of(&outcomes, &costs, columns).of_outcomes(), by_outcome);
        }
    }

    /// What another outcome has cost does not count, be it infinite.
    #[test]
    fn infinite_costs_stay_where_they_are() {
        let outcomes = Outcomes::new(2, vec![0, 1, 0], vec![0.5; 6]);
        let totals = Totals::of(&outcomes, &[1.0, f64::INFINITY, 2.0], 1);
        assert_eq!(totals.of_outcomes(), [(3.0, 2.0), (f64::INFINITY, 1.0)]);
    }
}
