/** A machine, a checkout or a terminal that readers have, and how this machine passes for one. */
export interface Environment {
  /** What is different there. The table in CONTRIBUTING.md has these words. */
  name: string
  /** Shell commands of root, in mount and process namespaces that are gone afterwards. */
  setup?: string
  /** In a network namespace as well: kernel parameters by name, without `net.`. */
  network?: Readonly<Record<string, string>>
  /** Run by the user `nobody`, instead of root. */
  asNobody?: true
  /** Root without the right to send signals to other users' processes. */
  withoutKill?: true
  /** In a user namespace that makes no other one, and in which the only user is `nobody`. */
  withoutUserNamespaces?: true
  /** Only Node is on the PATH, and the administrator's folders are empty. */
  withoutTools?: true
  /** Variables that are set, or unset. */
  env?: Readonly<Record<string, string | undefined>>
  /** Where the checkout is: the name of its folder. */
  folder?: string
  /** Whether nothing can be written into the checkout. */
  isReadOnly?: true
  /** The lanes of `npm run trace` that are not complete there, with the reason that is true there. */
  incomplete?: Partial<Record<'syscall' | 'state' | 'packet' | 'tcp', RegExp>>
  /** What `git status` says there, with its own words. */
  git?: RegExp
  /** Whether an example is also run by `npm` itself there. */
  withNpm?: true
  /** Whether `npm test` goes there as well. */
  isQuick?: true
  /** Claims that are put to the test there. */
  claims?: readonly string[]
}

/** Where `mount` would say that it is mounted already, or not be missed. */
const UNMOUNT = 'while umount /sys/kernel/tracing 2>/dev/null; do :; done'
const MOUNT = `${UNMOUNT}; mount -t tracefs nodev /sys/kernel/tracing`

const NO_ROOT = {
  state: /^needs root \(sudo npm run trace -- 02\/echo\); /,
  tcp: /^needs root \(sudo npm run trace -- 02\/echo\); /,
  packet: /^needs root \(sudo npm run trace -- 02\/echo\); tcpdump -i lo: /,
}

const kernel = (parameters: Record<string, string>, claims: readonly string[]): Environment => ({
  name: Object.entries(parameters)
    .map(([name, value]) => `${name.split('.').at(-1)} ${value}`)
    .join(', '),
  network: parameters,
  claims,
})

export const ENVIRONMENTS: readonly Environment[] = [
  {
    name: 'tracefs mounted already, as systemd does it',
    isQuick: true,
    setup: MOUNT,
    claims: ['1.12'],
  },
  { name: 'tracefs not mounted', setup: UNMOUNT },
  {
    name: 'tracefs mounted read-only, as in a container',
    setup: `${MOUNT}; mount -o remount,bind,ro /sys/kernel/tracing`,
  },
  {
    name: 'no tools: Node and nothing else',
    isQuick: true,
    setup: UNMOUNT,
    withoutTools: true,
    incomplete: {
      syscall: /^needs strace \(apt-get install strace\)$/,
      packet: /^needs tcpdump \(apt-get install tcpdump\)$/,
      state: /^needs unshare \(apt-get install util-linux\)$/,
      tcp: /^needs unshare \(apt-get install util-linux\)$/,
    },
    claims: ['1.20', '2.9'],
  },
  {
    name: 'an ordinary user',
    asNobody: true,
    withNpm: true,
    incomplete: NO_ROOT,
    claims: ['1.20', '6.2'],
  },
  {
    name: 'an ordinary user, user namespaces forbidden',
    asNobody: true,
    withoutUserNamespaces: true,
    incomplete: NO_ROOT,
    claims: ['1.20', '2.12'],
  },
  {
    name: 'root of a container without CAP_KILL',
    withoutKill: true,
    incomplete: {
      packet:
        /^needs CAP_KILL, which root does not have here \(in a container: --privileged, or --cap-add KILL\)$/,
    },
    claims: ['1.20', '2.9'],
  },
  {
    name: '/proc without the tables of sockets (subset=pid)',
    setup: 'mount -t proc -o subset=pid proc /proc',
    incomplete: {
      state: /^TIME-WAIT is shown as CLOSED: cannot read the table of sockets: ENOENT/,
    },
    claims: ['1.20'],
  },
  {
    name: 'the same, for an ordinary user',
    setup: 'mount -t proc -o subset=pid proc /proc',
    asNobody: true,
    incomplete: { ...NO_ROOT, state: /; cannot read the table of sockets: ENOENT/ },
  },
  { ...kernel({ 'ipv6.conf.all.disable_ipv6': '1' }, ['1.20']), name: 'no IPv6' },
  {
    ...kernel({ 'ipv4.tcp_rmem': '4096 131072 6291456' }, ['2.12', '2.14']),
    name: 'tcp_rmem and congestion control as distributions ship them',
    // A namespace may not be allowed to make it the default, but a route can ask for it.
    setup: 'ip route replace local 127.0.0.0/8 dev lo table local src 127.0.0.1 congctl cubic',
  },
  kernel({ 'ipv4.tcp_syncookies': '0' }, ['1.17', '1.20']),
  kernel({ 'ipv4.tcp_syncookies': '1' }, ['1.17', '1.20']),
  kernel({ 'ipv4.tcp_syncookies': '2' }, ['1.17', '1.20', '1.30', '2.8', '6.17']),
  kernel({ 'ipv4.tcp_ecn': '1' }, ['1.12', '1.15', '1.16', '1.17', '2.1', '2.23']),
  kernel({ 'ipv4.tcp_fastopen': '3' }, ['1.12', '1.14']),
  kernel({ 'ipv4.tcp_timestamps': '0' }, ['1.12', '2.1']),
  kernel({ 'core.somaxconn': '128' }, ['1.20', '1.22']),
  { name: 'a path with spaces and Chinese characters', folder: 'my 套接字 教程', withNpm: true },
  {
    name: 'a checkout of another user, which Git refuses to touch',
    setup: 'git init -q "$KIT"; chown -R 12345:12345 "$KIT"; chmod -R go-w "$KIT"',
    asNobody: true,
    git: /^fatal: detected dubious ownership in repository/,
    withNpm: true,
    incomplete: NO_ROOT,
  },
  {
    name: 'no Git, and every other tool',
    setup: [
      'mkdir /srv/tools',
      'for folder in /usr/local/bin /usr/bin /bin; do',
      '  ln -s "$folder"/* /srv/tools 2>/dev/null || true',
      'done',
      'rm /srv/tools/git',
    ].join('\n'),
    env: { PATH: '/srv/bin:/srv/tools' },
    git: /^spawnSync git ENOENT$/,
    withNpm: true,
  },
  {
    name: 'a ZIP export: no .git, no file that may be executed',
    setup: 'find "$KIT" -type f -exec chmod a-x {} +',
    git: /^fatal: not a git repository/,
    withNpm: true,
  },
  { name: 'a read-only checkout', isReadOnly: true, withNpm: true },
  { name: 'NODE_ENV=production', env: { NODE_ENV: 'production' }, withNpm: true },
  { name: 'no HOME', env: { HOME: undefined }, withNpm: true },
  { name: 'TERM=dumb', env: { TERM: 'dumb' } },
  { name: '40 columns', env: { COLUMNS: '40' } },
  {
    name: 'a full disk',
    setup:
      'mkdir /srv/full; mount -t tmpfs -o size=64k none /srv/full; cat /dev/zero >/srv/full/all 2>/dev/null || true',
    env: { TMPDIR: '/srv/full', WORKSHOP_FOLDER: '/srv/full/workspace' },
  },
  { name: 'umask 077', setup: 'umask 077', withNpm: true },
]
