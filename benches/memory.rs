//! The memory of a long fit: the resident set after 10^4 and after 10^6 coin steps.
//!
//! ```sh
//! cargo bench --bench memory
//! ```

#[path = "support/coin.rs"]
mod coin;

use rushlight::prelude::*;

const TOLD_AT: [u64; 3] = [10_000, 100_000, 1_000_000];

/// The resident set in KiB, where the kernel tells it.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
}

fn main() -> Result<()> {
    println!("{}", rushlight::runtime::init());
    let flips = coin::flips()?;
    let mut svi = Svi::new(coin::model, coin::guide(coin::average))
        .optimizer(Adam::new(5e-4).betas(0.93, 0.999));
    for step in 1..=TOLD_AT[TOLD_AT.len() - 1] {
        svi.step(&flips)?;
        if TOLD_AT.contains(&step) {
            match resident() {
                Some(kib) => println!("after {step:>9} steps: {kib} KiB resident"),
                None => println!("after {step:>9} steps: this system does not tell"),
            }
        }
    }
    Ok(())
}
