"""What a body's requests mean on real devices: one kind of operations per kind of job.

Every method runs on the thread of whoever carries the job at that moment, with no lock of the job
held. A disk's failure comes back as an outcome. No lifecycle decision is taken here.
"""
