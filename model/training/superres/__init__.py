"""Training of super-resolution: KandiSuperRes x4, x2 and Flash x2 (Kandinsky 3.0 Technical Report, 5.2)."""
