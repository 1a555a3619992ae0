//! Memories in a checkpoint.
//!
//! One entry for the count of a memory, named `site/baseline/shape/count` (`z/0/4x3/count`), and one for each of its
//! costs: `../0/number`, a scalar of dtype `f64`, or `../0/rows`, a tensor as it is. A site's name may hold a `/` too.

use super::memory::{Memories, Slot};
use super::{Cost, Memory};
use crate::State;
use candle_core::{DType, Device, Tensor};
use rushlight_trace::{Error, Result};

impl Memories {
    /// Adds all memories to a state.
    pub fn save(&self, state: &mut State) -> Result<()> {
        for (site, slot) in self.all() {
            let shape: Vec<String> = slot.shape.iter().map(usize::to_string).collect();
            let name = format!("{site}/{}/{}", slot.baseline, shape.join("x"));
            state.put_count(format!("{name}/count"), slot.memory.count)?;
            if !slot.memory.numbers.is_empty() {
                let numbers = Tensor::new(&slot.memory.numbers[..], &Device::Cpu)?;
                state.put(format!("{name}/numbers"), numbers);
            }
            for (i, cost) in slot.memory.state.iter().enumerate() {
                match cost {
                    Cost::Number(x) => {
                        state.put(format!("{name}/{i}/number"), Tensor::new(*x, &Device::Cpu)?);
                    }
                    // Memories of data are written to in place.
                    Cost::Rows(rows) => state.put(format!("{name}/{i}/rows"), rows.copy()?),
                }
            }
        }
        Ok(())
    }

    /// The memories of a state.
    pub fn load(state: &State) -> Result<Self> {
        let mut memories = Self::default();
        let mut known = Vec::new();
        for entry in state.names() {
            let Some(name) = entry.strip_suffix("/count") else { continue };
            let Some((site, baseline, shape)) = parse(name) else { continue };
            let mut memory = Memory { count: state.count(entry)?, ..Memory::default() };
            known.push(entry.to_owned());
            let numbers = format!("{name}/numbers");
            if state.tensor(&numbers).is_ok() {
                memory.numbers = checked(state, &numbers, 1, "a row of numbers")?.to_vec1()?;
                known.push(numbers);
            }
            for i in 0.. {
                let (number, rows) = (format!("{name}/{i}/number"), format!("{name}/{i}/rows"));
                memory.state.push(match (state.tensor(&number), state.tensor(&rows)) {
                    (Ok(_), _) => {
                        Cost::Number(checked(state, &number, 0, "a number")?.to_scalar()?)
                    }
                    // Memories of data are written to in place: the state stays as it is.
                    (_, Ok(rows)) => Cost::Rows(rows.copy()?),
                    _ => break,
                });
                known.extend([number, rows]);
            }
            memories.insert(site, Slot { baseline, shape, memory });
        }
        state.check_all_known(&known)?;
        Ok(memories)
    }
}

fn parse(name: &str) -> Option<(&str, usize, Vec<usize>)> {
    let (name, shape) = name.rsplit_once('/')?;
    let (site, baseline) = name.rsplit_once('/')?;
    let sizes = shape.split('x').filter(|size| !size.is_empty());
    let shape = sizes.map(|size| size.parse().ok()).collect::<Option<_>>()?;
    Some((site, baseline.parse().ok()?, shape))
}

/// An entry of this rank, in `f64`.
fn checked<'a>(state: &'a State, entry: &str, rank: usize, what: &str) -> Result<&'a Tensor> {
    let found = state.tensor(entry)?;
    if found.dtype() != DType::F64 || found.rank() != rank {
        return Err(Error::StateMisfit {
            kind: state.kind().to_owned(),
            entry: entry.to_owned(),
            found: format!("of shape {:?} and dtype {:?}", found.dims(), found.dtype()),
            expected: what.to_owned(),
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_memory_comes_back() {
        let none = Memory::default;
        let mut memories = Memories::default();
        let rows = Tensor::new(&[[1f32, 2.0], [3.0, 4.0]], &Device::Cpu).unwrap();
        let slots = [
            ("z", 0, vec![], Memory { count: 3, state: vec![Cost::Number(1.0 / 3.0)], ..none() }),
            (
                "z",
                0,
                vec![2, 2],
                Memory { count: 4, state: vec![rows.into(), 2.0.into()], ..none() },
            ),
            ("a/b 7/2", 1, vec![], Memory { count: u64::MAX, ..none() }),
            ("a/b 7/2", 2, vec![], Memory { count: 1, numbers: vec![0.1, -0.0], ..none() }),
        ];
        for (site, baseline, shape, memory) in slots.clone() {
            memories.insert(site, Slot { baseline, shape, memory });
        }
        let mut state = State::new("test");
        memories.save(&mut state).unwrap();
        let back = Memories::load(&state).unwrap();
        assert_eq!(back.all().count(), slots.len());
        for (site, baseline, shape, memory) in slots {
            let of = |slot: &Slot| slot.shape == shape && slot.baseline == baseline;
            let found = back.all().find(|(s, slot)| *s == site && of(slot));
            let found = found.unwrap_or_else(|| panic!("{site} is lost")).1;
            assert_eq!(found.memory.count, memory.count);
            assert_eq!(found.memory.numbers, memory.numbers);
            assert_eq!(found.memory.state.len(), memory.state.len());
            for both in found.memory.state.iter().zip(memory.state) {
                match both {
                    (Cost::Number(a), Cost::Number(b)) => assert_eq!(*a, b),
                    (Cost::Rows(a), Cost::Rows(b)) => {
                        assert_eq!(a.to_vec2::<f32>().unwrap(), b.to_vec2::<f32>().unwrap());
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    /// Memories of data are written to in place: a state that was taken in may be taken in again.
    #[test]
    fn a_state_is_not_written_to() {
        let rows = |x: f32| Tensor::new(&[x, x], &Device::Cpu).unwrap();
        let mut state = State::new("test");
        state.put_count("z/0/2/count", 1).unwrap();
        state.put("z/0/2/0/rows", rows(1.0));
        let loaded = Memories::load(&state).unwrap();
        let (_, slot) = loaded.all().next().unwrap();
        let Cost::Rows(memory) = &slot.memory.state[0] else { panic!("{slot:?}") };
        let all = Tensor::new(&[0u32, 1], &Device::Cpu).unwrap();
        memory.scatter_set(&all, &rows(7.0), 0).unwrap();
        assert_eq!(state.tensor("z/0/2/0/rows").unwrap().to_vec1::<f32>().unwrap(), [1.0; 2]);
    }

    #[test]
    fn entries_without_sense_are_refused() {
        for entry in ["z/0//cost", "z/count", "z/first//count", "z/0/2xy/count"] {
            let mut state = State::new("test");
            state.put_count(entry, 1).unwrap();
            let found = Memories::load(&state);
            assert!(matches!(&found, Err(Error::StateUnknown { entry: e, .. }) if e == entry));
        }
        let mut state = State::new("test");
        state.put_count("z/0//count", 1).unwrap();
        for entry in ["z/0//0/number", "z/0//numbers"] {
            let mut state = state.clone();
            state.put_count(entry, 1).unwrap();
            let found = Memories::load(&state);
            assert!(matches!(&found, Err(Error::StateMisfit { entry: e, .. }) if e == entry));
        }
    }
}
