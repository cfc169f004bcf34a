//! What all hot loops share: vector instructions, threads, sums, the matrix product.
//!
//! Each gives the same bits for every thread count. All but the matrix product give the same bits
//! on every CPU of one architecture too: no fused multiply-add is formed, and sums have a fixed
//! order.

mod fetch;
mod matmul;
mod reduce;
mod simd;
mod threads;

pub use fetch::fetch_ahead;
pub use matmul::matmul;
pub use reduce::{
    BLOCK, first_non_finite, first_square_overflow, sum_blocks, sum_squares, sum_zip,
};
pub use simd::vectorize;
pub use threads::{MIN_FORK, join, threads, worth_forking};
