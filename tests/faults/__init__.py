"""Every job under every failure: the declared matrix beside live jobs and beside QEMU."""
