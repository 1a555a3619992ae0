//! An oracle for dependencies: random programs whose every latent is nudged, to see what moves.
//!
//! A program is drawn from a grammar ([`program`]): bits alone, in vectors and in a plate, used through tracked
//! operations and as plain tensors, in branches, loops, sequential rows, masks, scales, factors and hidden noise. It is
//! run; then one element of one latent is flipped, all other latents keep their values, and the program is run again.
//! Whatever moves (or appears, or vanishes) depends on that latent directly, and has to say so: the latent is among the
//! site's parents, and where the site claims to depend on it row by row or element by element, only that row or element
//! may move ([`nudge`]).
//!
//! `cargo test --release -p rushlight --test oracle -- --nocapture` prints how many edges are claimed, and how many of
//! them nothing moved along.

mod nudge;
mod program;

use nudge::Tally;

const PROGRAMS: u64 = 600;

/// 600 programs, each with two draws of its latents. Every missing edge is a failure.
#[test]
fn no_edge_is_missing() {
    let mut tally = Tally::default();
    for seed in 0..PROGRAMS {
        let program = program::Program::draw(seed);
        for draw in 0..2 {
            let found = tally.add(&program, seed, draw);
            assert!(found.is_ok(), "program {seed}, draw {draw}: {found:?}\n{program:#?}");
        }
    }
    println!("{tally}");
    // The grammar has to reach what the test is about.
    assert!(
        tally.moved > 10_000 && tally.elements_apart > 1_000 && tally.rows_apart > 1_000,
        "{tally}"
    );
    // Sharper than program order, though the grammar reads a lot.
    assert!(tally.needless() < 0.4 * tally.needless_by_order(), "{tally}");
}

/// The oracle would notice: with one kind of edge forgotten, programs fail.
#[test]
fn forgotten_edges_are_found() {
    for forget in [nudge::Forget::Reads, nudge::Forget::Tracked, nudge::Forget::Mixing] {
        let mut tally = Tally::forgetting(forget);
        let caught = (0..100)
            .filter(|&seed| tally.add(&program::Program::draw(seed), seed, 0).is_err())
            .count();
        println!("{forget:?} forgotten: {caught} of 100 programs fail");
        assert!(caught >= 5, "{forget:?}: {caught}");
    }
}
