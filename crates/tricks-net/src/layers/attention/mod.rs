//! Attention: what a place of a sequence takes from the others.

mod multihead;
mod scaled_dot_product;

pub use multihead::{AttentionConfig, MultiheadAttention};
pub use scaled_dot_product::{
    AttentionMask, scaled_dot_product_attention, scaled_dot_product_attention_backward,
};

#[cfg(test)]
mod tests;
