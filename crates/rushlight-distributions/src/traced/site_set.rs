//! Sets of sites of one run.

/// A set of site numbers.
///
/// The first 128 sites live in one inline word, so that sets of small runs never allocate; any number may
/// follow.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::SiteSet;
///
/// let mut sites = SiteSet::one(3);
/// assert!(sites.insert(1000) && !sites.insert(3));
/// assert_eq!(sites.iter().collect::<Vec<_>>(), [3, 1000]);
/// assert!(sites.intersects(&SiteSet::one(1000)) && !sites.contains(4));
/// sites.extend(&SiteSet::one(5));
/// assert_eq!((sites.len(), sites.next_from(4), sites.next_from(1001)), (3, Some(5), None));
/// sites.clear();
/// assert!(sites.is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SiteSet {
    low: u128,
    high: Vec<u64>,
}

const LOW: usize = u128::BITS as usize;
const WORD: usize = u64::BITS as usize;

impl SiteSet {
    /// No site.
    pub const EMPTY: Self = Self { low: 0, high: Vec::new() };

    /// The set of one site.
    pub fn one(site: usize) -> Self {
        let mut set = Self::default();
        set.insert(site);
        set
    }

    /// Adds a site; tells whether it was new.
    pub fn insert(&mut self, site: usize) -> bool {
        if let Some(site) = site.checked_sub(LOW) {
            let word = site / WORD;
            if self.high.len() <= word {
                self.high.resize(word + 1, 0);
            }
            let bit = 1 << (site % WORD);
            let new = self.high[word] & bit == 0;
            self.high[word] |= bit;
            new
        } else {
            let bit = 1 << site;
            let new = self.low & bit == 0;
            self.low |= bit;
            new
        }
    }

    /// Whether `site` is in the set.
    pub fn contains(&self, site: usize) -> bool {
        match site.checked_sub(LOW) {
            None => self.low & (1 << site) != 0,
            Some(site) => self.high.get(site / WORD).is_some_and(|w| w & (1 << (site % WORD)) != 0),
        }
    }

    /// Adds every site of `other`.
    pub fn extend(&mut self, other: &Self) {
        self.low |= other.low;
        if self.high.len() < other.high.len() {
            self.high.resize(other.high.len(), 0);
        }
        for (word, more) in self.high.iter_mut().zip(&other.high) {
            *word |= more;
        }
    }

    /// Whether the two sets share a site.
    pub fn intersects(&self, other: &Self) -> bool {
        self.low & other.low != 0 || self.high.iter().zip(&other.high).any(|(a, b)| a & b != 0)
    }

    /// The number of sites.
    pub fn len(&self) -> usize {
        let high: u32 = self.high.iter().map(|w| w.count_ones()).sum();
        (self.low.count_ones() + high) as usize
    }

    /// Takes all sites out.
    pub fn clear(&mut self) {
        self.low = 0;
        self.high.fill(0);
    }

    /// The first site of the set from `from` on.
    pub fn next_from(&self, from: usize) -> Option<usize> {
        if from < LOW {
            let low = self.low >> from;
            if low != 0 {
                return Some(from + low.trailing_zeros() as usize);
            }
        }
        let from = from.saturating_sub(LOW);
        let first = from / WORD;
        self.high.iter().enumerate().skip(first).find_map(|(i, &word)| {
            let word = if i == first { word >> (from % WORD) << (from % WORD) } else { word };
            (word != 0).then(|| LOW + i * WORD + word.trailing_zeros() as usize)
        })
    }

    /// Whether the set has no site.
    pub fn is_empty(&self) -> bool {
        self.low == 0 && self.high.iter().all(|&w| w == 0)
    }

    /// The sites in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let low = bits(self.low, 0);
        let high = self.high.iter().enumerate().flat_map(|(i, &w)| bits(w.into(), LOW + i * WORD));
        low.chain(high)
    }
}

/// The positions of the set bits of `word`, from `base` on.
fn bits(mut word: u128, base: usize) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (word != 0).then(|| {
            let bit = word.trailing_zeros() as usize;
            word &= word - 1;
            base + bit
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_any_site() {
        let sites = [0, 5, 127, 128, 191, 192, 1000];
        let mut set = SiteSet::default();
        assert!(set.is_empty());
        for s in sites {
            assert!(set.insert(s));
            assert!(!set.insert(s));
        }
        assert_eq!(set.iter().collect::<Vec<_>>(), sites);
        assert_eq!(set.len(), sites.len());
        let mut next = Vec::new();
        while let Some(s) = set.next_from(next.last().map_or(0, |s| s + 1)) {
            next.push(s);
        }
        assert_eq!(next, sites);
        assert!(set.contains(192) && !set.contains(193) && !set.contains(5000));
        let mut other = SiteSet::one(1000);
        assert!(set.intersects(&other) && !SiteSet::one(999).intersects(&set));
        other.extend(&set);
        assert_eq!(other, set);
        other.clear();
        assert!(other.is_empty() && other.next_from(0).is_none());
    }
}
