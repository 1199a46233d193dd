"""Laws that CrossHair confirms on the code itself: every input, not a sample of them.

A law is a function whose leading assert is its precondition and whose other asserts must hold. Laws
are written from the rules of 2012, not from the rows. A module of `canaries` holds, under the same
names, each law with a false claim after it: refuted, it shows that the law was really tried.
"""
