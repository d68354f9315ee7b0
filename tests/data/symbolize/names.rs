// SPDX-License-Identifier: Apache-2.0
// The program whose symbols are in rust_names.tsv (see README.md there).
use std::collections::HashMap;
use std::fmt::Debug;
trait Shape { fn area(&self) -> f64; }
struct Sq<T>(T); struct Tri<'a, const N: usize>(&'a [u8; N]);
impl Shape for Sq<f64> { #[inline(never)] fn area(&self) -> f64 { self.0 * self.0 } }
impl<'a, const N: usize> Shape for Tri<'a, N> { #[inline(never)] fn area(&self) -> f64 { N as f64 * self.0[0] as f64 } }
#[inline(never)] fn apply<F: Fn(&dyn Shape) -> f64>(f: F, s: &dyn Shape) -> f64 { f(s) }
#[inline(never)] fn show<T: Debug + ?Sized>(t: &T) -> String { format!("{:?}", t) }
#[inline(never)] fn größe(x: u32) -> u32 { x.wrapping_mul(3) }
mod inner { pub struct S; impl S { #[inline(never)] pub fn go<T: Into<u64>>(&self, t: T) -> u64 { let c = |x: u64| -> u64 { x + 1 }; std::hint::black_box(c)(t.into()) } } 
 pub fn fnptr(f: unsafe extern "C" fn(i32, *const u8) -> i32) -> usize { f as usize } }
#[inline(never)] fn takes<T>(_: T) -> usize { std::mem::size_of::<T>() }
fn main() {
  let a = std::env::args().count() as f64;
  println!("{}", apply(|s| s.area() + a, &Sq(a))); println!("{}", apply(|s| s.area(), &Tri(&[1u8; 7])));
  println!("{} {} {}", show("x"), show(&[1u8,2][..]), show(&HashMap::from([(1u8, (2i16, 'c'))])));
  println!("{}", größe(a as u32)); println!("{}", inner::S.go(3u32) + inner::S.go(4u8) as u64);
  println!("{}", takes::<fn(&u8, &mut [i64]) -> bool>(|_,_| true) + takes::<Box<dyn Fn(&str) -> String + Send>>(Box::new(|s| s.to_string())) + takes((1, 'a', ())) + takes::<*const [u8]>(&[1][..]) + takes::<(u8,)>((1,)) + takes::<dyn_t::X<-5, true, 'é'>>(dyn_t::X) + takes::<&dyn Iterator<Item = &u8>>(&[1u8].iter()));
}
mod dyn_t { pub struct X<const A: i32, const B: bool, const C: char>; }
