import { describe, expect, test } from 'vitest'
import { StraceReader, type TracedCall } from '#lib/kernel/parse-strace.ts'

const PID = 22758

/** Reads lines of strace, as it printed them; the time is filled in where it does not matter. */
function read(lines: readonly string[], path?: string): TracedCall[] {
  const calls: TracedCall[] = []
  const reader = new StraceReader({ pid: PID, path, onCall: call => calls.push(call) })
  for (const line of lines) reader.push(line)
  return calls
}

const at = (call: string, pid = PID): string => `${pid} 1795233684.890902081 ${call}`
const textOf = (call: string): string | undefined => read([at(call)])[0]?.text

describe('StraceReader writes', () => {
  test.each([
    [
      'socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK, IPPROTO_IP) = 19<TCP:[1910917]> <0.000020>',
      'socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK, 0) = 19',
    ],
    [
      'socket(AF_INET6, SOCK_DGRAM|SOCK_CLOEXEC|SOCK_NONBLOCK, IPPROTO_IP) = 18<UDPv6:[1914899]> <0.000091>',
      'socket(AF_INET6, SOCK_DGRAM|SOCK_NONBLOCK, 0) = 18',
    ],
    [
      'socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK, IPPROTO_IP) = -1 EMFILE (Too many open files) <0.000005>',
      'socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK, 0) = -1 EMFILE',
    ],
    [
      'bind(19<TCP:[1910917]>, {sa_family=AF_INET, sin_port=htons(7777), sin_addr=inet_addr("127.0.0.1")}, 16) = 0 <0.000023>',
      'bind(19, 127.0.0.1:7777) = 0',
    ],
    [
      'bind(17<TCPv6:[2]>, {sa_family=AF_INET6, sin6_port=htons(0), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::", &sin6_addr), sin6_scope_id=0}, 28) = -1 EADDRINUSE (Address already in use) <0.000009>',
      'bind(17, [::]:0) = -1 EADDRINUSE',
    ],
    ['listen(19<TCP:[127.0.0.1:7777]>, 511) = 0 <0.000017>', 'listen(19, 511) = 0'],
    [
      'connect(19<TCP:[1911018]>, {sa_family=AF_INET, sin_port=htons(7020), sin_addr=inet_addr("127.0.0.1")}, 16) = -1 EINPROGRESS (Operation now in progress) <0.000092>',
      'connect(19, 127.0.0.1:7020) = -1 EINPROGRESS',
    ],
    [
      'connect(19<UDP:[127.0.0.1:4->127.0.0.1:5]>, {sa_family=AF_UNSPEC, sa_data="\\0\\0"}, 16) = 0 <0.000092>',
      'connect(19, AF_UNSPEC) = 0',
    ],
    [
      'accept4(19<TCP:[127.0.0.1:7777]>, NULL, NULL, SOCK_CLOEXEC|SOCK_NONBLOCK) = 20<TCP:[127.0.0.1:7777->127.0.0.1:56758]> <0.000011>',
      'accept4(19, SOCK_NONBLOCK) = 20',
    ],
    [
      'write(21<TCPv6:[[::ffff:127.0.0.1]:7777->[::ffff:127.0.0.1]:40000]>, "hello\\n", 6) = 6 <0.000020>',
      'write(21, "hello\\n", 6) = 6',
    ],
    ['read(20<TCP:[1->2]>, "", 65536) = 0 <0.000005>', 'read(20, "", 65536) = 0'],
    [
      'read(20<TCP:[1->2]>, 0x55d0c0, 65536) = -1 EAGAIN (Resource temporarily unavailable) <0.000005>',
      'read(20, 65536) = -1 EAGAIN',
    ],
    [
      'write(21<TCP:[1->2]>, "\\303\\251 (a, \\"b\\"]\\\\"..., 9000) = 4000 <0.000020>',
      'write(21, "é (a, \\"b\\"]\\\\…", 9000) = 4000',
    ],
    [
      'write(21<TCP:[1->2]>, "\\0\\0\\0\\5hello\\377", 10) = 10 <0.000020>',
      'write(21, "\\0\\0\\0\\5hello\\377", 10) = 10',
    ],
    [
      'writev(21<TCP:[1->2]>, [{iov_base="a\\"b, {", iov_len=5}, {iov_base="\\0\\1", iov_len=2}], 2) = 7 <0.000067>',
      'writev(21, ["a\\"b, {", "\\0\\1"]) = 7',
    ],
    [
      'sendmsg(19<UDP:[0.0.0.0:34563]>, {msg_name={sa_family=AF_INET, sin_port=htons(41452), sin_addr=inet_addr("127.0.0.1")}, msg_namelen=16, msg_iov=[{iov_base="hi", iov_len=2}], msg_iovlen=1, msg_controllen=0, msg_flags=0}, 0) = 2 <0.000121>',
      'sendmsg(19, 127.0.0.1:41452, ["hi"]) = 2',
    ],
    [
      'recvmsg(18<UDP:[127.0.0.1:41452]>, {msg_name={sa_family=AF_INET, sin_port=htons(34563), sin_addr=inet_addr("127.0.0.1")}, msg_namelen=128 => 16, msg_iov=[{iov_base="hi", iov_len=65536}], msg_iovlen=1, msg_controllen=0, msg_flags=0}, 0) = 2 <0.000105>',
      'recvmsg(18, 127.0.0.1:34563, ["hi"]) = 2',
    ],
    [
      'recvmsg(18<UDP:[127.0.0.1:41452]>, {msg_namelen=128}, 0) = -1 EAGAIN (Resource temporarily unavailable) <0.000069>',
      'recvmsg(18) = -1 EAGAIN',
    ],
    [
      'sendmmsg(19<UDP:[0.0.0.0:1]>, [{msg_hdr={msg_name={sa_family=AF_INET, sin_port=htons(2), sin_addr=inet_addr("127.0.0.1")}, msg_namelen=16, msg_iov=[{iov_base="a", iov_len=1}], msg_iovlen=1, msg_controllen=0, msg_flags=0}, msg_len=1}], 1, 0) = 1 <0.000121>',
      'sendmmsg(19, 127.0.0.1:2, ["a"]) = 1',
    ],
    [
      'setsockopt(21<TCP:[1->2]>, SOL_SOCKET, SO_LINGER, {l_onoff=1, l_linger=0}, 8) = 0 <0.000067>',
      'setsockopt(21, SOL_SOCKET, SO_LINGER, {l_onoff=1, l_linger=0}) = 0',
    ],
    [
      'getsockopt(20<TCP:[1914905]>, SOL_SOCKET, SO_ERROR, [ECONNREFUSED], [4]) = 0 <0.000050>',
      'getsockopt(20, SOL_SOCKET, SO_ERROR, [ECONNREFUSED]) = 0',
    ],
    ['shutdown(20<TCP:[1->2]>, SHUT_WR)       = 0 <0.000290>', 'shutdown(20, SHUT_WR) = 0'],
    ['close(20<TCP:[1->2]>)                   = ?', 'close(20) = ?'],
  ])('%s', (line, text) => {
    expect(textOf(line)).toBe(text)
  })
})

test('StraceReader gives time of entry, descriptor, result, error and duration', () => {
  const write = at('write(21<TCP:[1->2]>, "hello\\n", 6) = 6 <0.000020>')
  const refused = at('connect(19<TCP:[3]>, {sa_family=AF_UNSPEC}, 16) = -1 ECONNREFUSED (no) <1.5>')
  expect(read([write, refused])).toEqual([
    {
      ...{ realtimeNs: 1795233684890902081n, pid: PID, call: 'write', fd: 21, result: 6 },
      ...{ tookNs: 20_000, text: 'write(21, "hello\\n", 6) = 6' },
    },
    {
      ...{ realtimeNs: 1795233684890902081n, pid: PID, call: 'connect', fd: 19, result: -1 },
      ...{ error: 'ECONNREFUSED', tookNs: 1.5e9, text: 'connect(19, AF_UNSPEC) = -1 ECONNREFUSED' },
    },
  ])
})

test('StraceReader joins the halves of calls that were interrupted, with the time of the first', () => {
  const lines = [
    `${PID} 1795233684.1 read(20<TCP:[1->2]>,  <unfinished ...>`,
    `22771 1795233684.2 read(17<anon_inode:[eventfd]>,  <unfinished ...>`,
    `22771 1795233684.3 <... read resumed>"\\1\\0", 1024) = 8 <0.000002>`,
    `${PID} 1795233684.4 <... read resumed>"hi", 65536) = 2 <0.300000>`,
    `${PID} 1795233684.5 close(20<TCP:[1->2]> <unfinished ...>`,
    `${PID} 1795233684.6 <... close resumed>)  = 0 <0.100000>`,
  ]
  expect(read(lines).map(({ realtimeNs, text }) => [realtimeNs, text])).toEqual([
    [1795233684100000000n, 'read(20, "hi", 65536) = 2'],
    [1795233684500000000n, 'close(20) = 0'],
  ])
})

test('StraceReader leaves out files, pipes, other families, signals, and threads of Node', () => {
  const socket = 'socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC, IPPROTO_IP) = 20<UDP:[9]> <0.000020>'
  const lines = [
    at('read(19</work/program.ts>, "import net", 65536) = 10 <0.000020>'),
    at('write(24<anon_inode:[eventfd]>, "\\1\\0\\0\\0\\0\\0\\0\\0", 8) = 8 <0.000020>'),
    at('write(3<UNIX-STREAM:[1->2]>, "{\\"tNs\\":1}\\n", 10) = 10 <0.000020>'),
    at('read(4<pipe:[1914894]>, "", 1) = 0 <0.000020>'),
    at(
      'socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_ROUTE) = 20<NETLINK:[1913570]> <0.000008>',
    ),
    at('close(20<NETLINK:[ROUTE:22758]>) = 0 <0.000016>'),
    at('--- SIGTERM {si_signo=SIGTERM, si_code=SI_USER} ---'),
    at('+++ exited with 0 +++'),
    at('clone3({flags=CLONE_VM|CLONE_THREAD|CLONE_SYSVSEM} => {parent_tid=[22771]}, 88) = 22771'),
    at(socket, 22771),
    'strace: Process 22771 attached',
    '',
  ]
  expect(read(lines)).toEqual([])
  expect(read([at(socket)])).toHaveLength(1)
})

test('StraceReader shows what child processes do', () => {
  const lines = [
    at('clone(child_stack=NULL, flags=CLONE_VM|CLONE_VFORK|SIGCHLD <unfinished ...>'),
    at('<... clone resumed>) = 22800 <0.000100>'),
    at('shutdown(20<TCP:[1->2]>, SHUT_WR) = 0 <0.000290>', 22800),
  ]
  expect(read(lines).map(({ pid, text }) => [pid, text])).toEqual([
    [22800, 'shutdown(20, SHUT_WR) = 0'],
  ])
})

describe('StraceReader, of Unix domain sockets,', () => {
  const unix = (fd: number) =>
    at(`socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0) = ${fd}<UNIX-STREAM:[19]> <0.000063>`)
  const connect = (fd: number, path: string) =>
    at(`connect(${fd}<UNIX-STREAM:[19]>, {sa_family=AF_UNIX, sun_path="${path}"}, 110) = 0 <0.01>`)

  test('shows those of the given path, from their first call, and those accepted from it', () => {
    const lines = [
      unix(19),
      at('bind(19<UNIX-STREAM:[19]>, {sa_family=AF_UNIX, sun_path="/tmp/x.sock"}, 110) = 0 <0.01>'),
      at('accept4(19<UNIX-STREAM:[19,"/tmp/x.sock"]>, NULL, NULL, 0) = 21<UNIX-STREAM:[3]> <0.1>'),
      at('read(21<UNIX-STREAM:[3->4,"/tmp/x.sock"]>, "hi", 65536) = 2 <0.01>'),
      at('close(21<UNIX-STREAM:[3->4]>) = 0 <0.01>'),
      at('close(21<UNIX-STREAM:[77->78]>) = 0 <0.01>'),
    ]
    expect(read(lines, '/tmp/x.sock').map(({ text }) => text)).toEqual([
      'socket(AF_UNIX, SOCK_STREAM, 0) = 19',
      'bind(19, "/tmp/x.sock") = 0',
      'accept4(19) = 21',
      'read(21, "hi", 65536) = 2',
      'close(21) = 0',
    ])
    expect(read(lines)).toEqual([])
  })

  test('leaves out those of other paths, and what comes after on the same descriptor', () => {
    const lines = [
      ...[unix(19), connect(19, '/var/run/nscd/socket')],
      at('close(19<UNIX-STREAM:[19]>) = 0 <0.01>'),
      ...[unix(19), connect(19, '/tmp/x.sock')],
    ]
    expect(read(lines, '/tmp/x.sock')).toHaveLength(2)
  })
})
