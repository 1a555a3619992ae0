//! The table of exact gradients: rows by estimators by baselines.
//!
//! Each row is run with 35 estimators and baselines for its gradient (at most 420 numbers, fewer
//! than the 500 up to which |z| < 4 is asked for) and with 5 estimators for its loss. A case's seed
//! is its index: the row's place, then the estimator's, then the baselines'. Rows are tests of
//! their own, so that they run side by side.

use crate::baselines::Baselines;
use crate::harness::{self, Kind};
use crate::rows::{ROWS, row};

const SINGLE: [Kind; 2] = [Kind::Elbo, Kind::Graph];
const SEVERAL: [Kind; 2] = [Kind::Elbo3, Kind::Graph3];
/// Several particles: memories move after all of them.
const WITH_SEVERAL: [Baselines; 3] =
    [Baselines::Unnamed, Baselines::TwoAverages, Baselines::LearnedAndAverage];
/// The same loss, estimated in other ways.
const OTHERS: [Kind; 3] = [Kind::MeanField, Kind::MeanField3, Kind::LeaveOneOut3];
/// Their seeds lie beyond those of the rest.
const OTHERS_FROM: u64 = 100_000;
/// Seeds of one row.
const STRIDE: u64 = 32;

fn check(name: &str) {
    let (place, row) = row(name);
    let mut seed = place as u64 * STRIDE;
    for kind in SINGLE {
        for baselines in Baselines::ALL {
            harness::check(row, kind, baselines, seed);
            seed += 1;
        }
    }
    for kind in SEVERAL {
        for baselines in WITH_SEVERAL {
            harness::check(row, kind, baselines, seed);
            seed += 1;
        }
    }
    for kind in SINGLE.into_iter().chain(SEVERAL) {
        harness::check_loss(row, kind, seed);
        seed += 1;
    }
    let mut seed = (1 + place as u64) * STRIDE + OTHERS_FROM;
    for kind in OTHERS {
        for baselines in WITH_SEVERAL {
            harness::check(row, kind, baselines, seed);
            seed += 1;
        }
    }
    harness::check_loss(row, Kind::MeanField, seed);
}

/// Memories by datum, where there are data that only some steps see.
#[test]
fn by_datum() {
    let (place, subsampled) = row("subsampled");
    for (i, kind) in SINGLE.into_iter().chain(SEVERAL).enumerate() {
        let seed = 20_000 + place as u64 * STRIDE + i as u64;
        harness::check(subsampled, kind, Baselines::ByDatum, seed);
    }
}

macro_rules! rows {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name));
            }
        )*

        #[test]
        fn no_row_is_forgotten() {
            let names: Vec<_> = ROWS.iter().map(|row| row.name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

rows! {
    coin gmm nested subsampled summed two_plates branch loop_ asked shape host_read through_global
    model_mixes pathwise_below score_below pairs_tracked pairs_deref pairs_plated vector auxiliary
    weighted trained_scale factor hidden partial lifted crossing sequential
    aligned shifted two_paths closed read twisted chained spread decided fed
}
