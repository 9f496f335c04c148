"""What must hold on another machine, for another user, after another version; run by `make test-install`."""
