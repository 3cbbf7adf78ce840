# The two commands that do everything; both install missing Debian packages and say so.
.PHONY: verify test control mutate setup lint bench axe browser screenshots

# Programs that blocks, tests and the sandbox use, with the Debian package that has each.
PROGRAMS = amtool:prometheus-alertmanager bwrap:bubblewrap chromedriver:chromium-driver chromium:chromium curl:curl \
	git:git iptables:iptables ip:iproute2 jq:jq lsof:lsof nc:netcat-openbsd npm:npm openssl:openssl promtool:prometheus \
	ps:procps python3:python3 redis-server:redis-server shellcheck:shellcheck socat:socat zstd:zstd cc:gcc

setup:
	@missing=""; for pair in $(PROGRAMS); do \
	  PATH="$$PATH:/usr/sbin:/sbin" command -v $${pair%%:*} >/dev/null || missing="$$missing $${pair##*:}"; done; \
	if [ -n "$$missing" ]; then \
	  echo "installing missing Debian packages:$$missing"; \
	  sudo=""; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  $$sudo apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 $$sudo apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi

# The main job: the Engram book against the embedded test instance; then the guide, against the tool itself.
verify: setup
	cargo build --release --locked --workspace
	target/release/mdbook-runbook verify book
	target/release/mdbook-runbook verify docs

# In the profile of the release and with both packages in each command, all their dependencies are those of the release build.
TESTED = --release --locked -p mdbook-runbook -p engram-testbed
# Our own code, where a library is built for a test alone.
QUICKLY_BUILT = --config profile.release.package.mdbook-runbook.opt-level=0

test: setup
	cargo build --release --locked --workspace
	tests/tap.sh lib '' cargo test $(TESTED) $(QUICKLY_BUILT) --lib
	tests/tap.sh runbook '' cargo test $(TESTED) --no-fail-fast --bin engram --bin grpcurl --test it --test engram-it
	bash tests/scripts/run.sh
	$(MAKE) browser

# The rules of accessibility that the site is held to, as a program: pinned, with its checksum, in tests/browser.
axe:
	@cmp -s tests/browser/package-lock.json target/axe/package-lock.json && test -d target/axe/node_modules/axe-core || { \
	  mkdir -p target/axe && cp tests/browser/package.json tests/browser/package-lock.json target/axe/ && \
	  npm ci --prefix target/axe --ignore-scripts --no-audit --no-fund; }

# The site in headless Chromium.
browser: setup axe
	cargo build --release --locked --workspace
	MDBOOK_RUNBOOK="$(CURDIR)/target/release/mdbook-runbook" tests/tap.sh browser '' \
	  cargo test --release --locked $(QUICKLY_BUILT) -p runbook-browser

# The pictures of tests/browser/screenshots, from the book as it is.
screenshots: setup
	cargo build --release --locked --workspace
	MDBOOK_RUNBOOK="$(CURDIR)/target/release/mdbook-runbook" RUNBOOK_SCREENSHOTS="$(CURDIR)/tests/browser/screenshots" \
	  cargo test --release --locked $(QUICKLY_BUILT) -p runbook-browser

# No fault goes away by itself, or by the resolution of another cause of its page. After `make verify`.
control: setup
	target/release/mdbook-runbook test -C book --no-prepare --control

# No step of a resolution does nothing, or the page says what it is good for. After `make verify`; minutes.
mutate: setup
	target/release/mdbook-runbook mutate -C book --no-prepare

lint: setup
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- -D warnings
	shellcheck -x scripts/*.sh tests/scripts/*.sh tests/host/sudo tests/host/systemctl tests/host/journalctl \
	  tests/host/*.sh tests/tap.sh tests/released/build.sh

# Ratios against cram (from PyPI, into target/peers) and bare bash, and against promtool, each in one run.
bench: setup
	test -x target/peers/bin/cram || { python3 -m venv target/peers && target/peers/bin/pip install -q cram; }
	PATH="$$PWD/target/peers/bin:$$PATH" cargo bench --locked --bench suites --bench rules
