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
            let mut memory = Memory { count: state.count(entry)?, state: Vec::new() };
            known.push(entry.to_owned());
            for i in 0.. {
                let (number, rows) = (format!("{name}/{i}/number"), format!("{name}/{i}/rows"));
                memory.state.push(match (state.tensor(&number), state.tensor(&rows)) {
                    (Ok(_), _) => Cost::Number(number_of(state, &number)?),
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

fn number_of(state: &State, entry: &str) -> Result<f64> {
    let number = state.tensor(entry)?;
    if number.dtype() != DType::F64 || number.rank() != 0 {
        return Err(Error::StateMisfit {
            kind: state.kind().to_owned(),
            entry: entry.to_owned(),
            found: format!("of shape {:?} and dtype {:?}", number.dims(), number.dtype()),
            expected: "a number".to_owned(),
        });
    }
    Ok(number.to_scalar()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_memory_comes_back() {
        let mut memories = Memories::default();
        let rows = Tensor::new(&[[1f32, 2.0], [3.0, 4.0]], &Device::Cpu).unwrap();
        let slots = [
            ("z", 0, vec![], Memory { count: 3, state: vec![Cost::Number(1.0 / 3.0)] }),
            ("z", 0, vec![2, 2], Memory { count: 4, state: vec![rows.into(), 2.0.into()] }),
            ("a/b 7/2", 1, vec![], Memory { count: u64::MAX, state: Vec::new() }),
        ];
        for (site, baseline, shape, memory) in slots.clone() {
            memories.insert(site, Slot { baseline, shape, memory });
        }
        let mut state = State::new("test");
        memories.save(&mut state).unwrap();
        let back = Memories::load(&state).unwrap();
        assert_eq!(back.all().count(), slots.len());
        for (site, baseline, shape, memory) in slots {
            let found = back.all().find(|(s, slot)| *s == site && slot.shape == shape);
            let found = found.unwrap_or_else(|| panic!("{site} is lost")).1;
            assert_eq!((found.baseline, found.memory.count), (baseline, memory.count));
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
        state.put_count("z/0//0/number", 1).unwrap();
        assert!(matches!(Memories::load(&state), Err(Error::StateMisfit { .. })));
    }
}
