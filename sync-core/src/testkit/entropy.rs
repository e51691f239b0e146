//! Seeded entropy: one number decides everything that is left to chance.

/// A stream of numbers that depends on its seed only (splitmix64).
#[derive(Clone, Debug)]
pub struct Entropy(u64);

impl Entropy {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// An independent stream, named by a number.
    #[must_use]
    pub fn branch(&self, name: u64) -> Self {
        let mut branch = Self(self.0 ^ name.wrapping_mul(0xd6e8_feb8_6659_fd93));
        branch.draw();
        branch
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 where there is none.
    pub fn below(&mut self, end: u64) -> u64 {
        self.draw().checked_rem(end).unwrap_or(0)
    }

    /// True so many times out of a thousand.
    pub fn chance(&mut self, permille: u64) -> bool {
        permille > 0 && self.below(1000) < permille
    }

    /// One of these; `None` of none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let at = self.below(items.len() as u64);
        items.get(usize::try_from(at).unwrap_or(0))
    }

    /// One of these, by weight; `None` if all weights are zero.
    pub fn weighted<T: Copy>(&mut self, items: &[(u64, T)]) -> Option<T> {
        let mut at = self.below(items.iter().map(|(weight, _)| weight).sum());
        for (weight, item) in items {
            if at < *weight {
                return Some(*item);
            }
            at -= weight;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Entropy;

    #[test]
    fn a_seed_gives_one_stream_and_branches_differ() {
        let draw = |mut entropy: Entropy| (0..8).map(|_| entropy.draw()).collect::<Vec<_>>();
        assert_eq!(draw(Entropy::new(7)), draw(Entropy::new(7)));
        assert_ne!(draw(Entropy::new(7)), draw(Entropy::new(8)));
        assert_ne!(
            draw(Entropy::new(7).branch(1)),
            draw(Entropy::new(7).branch(2))
        );
    }

    #[test]
    fn weights_are_kept_and_zero_never_comes() {
        let mut entropy = Entropy::new(1);
        let drawn: Vec<_> = (0..200)
            .filter_map(|_| entropy.weighted(&[(3, 'a'), (0, 'b'), (1, 'c')]))
            .collect();
        let count = |letter| drawn.iter().filter(|there| **there == letter).count();
        assert!(count('a') > count('c') && count('c') > 20 && count('b') == 0);
        assert_eq!(entropy.weighted::<char>(&[]), None);
    }
}
