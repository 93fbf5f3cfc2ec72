import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * Three hosts in a row: A, where the experiment itself runs, a router R, and B.
 *
 * Losses and queues belong into R: a packet that its sender's own interface drops was never sent.
 */
export interface RoutedNetwork {
  /** A's address, `10.0.1.1`, and B's, `10.0.2.1`. */
  readonly a: string
  readonly b: string
  /** The interface of A that leads to B. */
  readonly interface: string
  /** Words that run the rest of a command inside R or B. */
  readonly inside: { readonly router: readonly string[]; readonly b: readonly string[] }
  /**
   * Slows the way from A to B, in R: `tbf` at that rate, with a queue of that many bytes. So many
   * bytes pass at once, and no packet that is longer (default 3000).
   */
  limitRate(rate: string, queueBytes: number, burstBytes?: number): Promise<void>
  /**
   * Sets attributes of A's route to B, which connections take over when they are made:
   * `route('initcwnd 1 quickack 1')`. See ip-route(8).
   */
  route(attributes: string): Promise<void>
  /** Sets kernel parameters of R or B: `set('b', { 'net.ipv4.tcp_ecn': 1 })`. */
  setParameters(
    host: 'router' | 'b',
    parameters: Readonly<Record<string, string | number>>,
  ): Promise<void>
}

const NETS = [
  { host: 'a', net: '10.0.1', other: '10.0.2.0/24' },
  { host: 'b', net: '10.0.2', other: '10.0.1.0/24' },
] as const

/**
 * Builds the three hosts inside the private namespace of the experiment. R and B get `settings`, as A
 * has them.
 *
 * Every interface sends segments one by one (`gso_max_segs 1`), so that a capture shows what a real
 * line would carry: 1448 bytes of payload, not 64 KiB.
 *
 * @see veth(4), ip-netns(8), tc-tbf(8)
 */
export async function buildRoutedNetwork(
  settings: Readonly<Record<string, string>> = {},
): Promise<RoutedNetwork> {
  const ip = (...words: string[]) => run('ip', words)
  const inside = (name: string) => ['ip', 'netns', 'exec', name]
  const set = async (name: string, parameters: Readonly<Record<string, string | number>>) => {
    const words = Object.entries(parameters).map(([key, value]) => `${key}=${value}`)
    if (words.length > 0) await ip('netns', 'exec', name, 'sysctl', '-qw', ...words)
  }
  for (const name of ['router', 'b']) {
    await ip('netns', 'add', name)
    await ip('-n', name, 'link', 'set', 'lo', 'up')
    await set(name, settings)
  }
  for (const { host, net, other } of NETS) {
    const own = host === 'a' ? [] : ['-n', 'b']
    const far = `r-${host}`
    await ip('link', 'add', `to-r-${host}`, 'type', 'veth', 'peer', 'name', far)
    await ip('link', 'set', far, 'netns', 'router')
    if (host === 'b') await ip('link', 'set', 'to-r-b', 'netns', 'b')
    for (const [where, link, address] of [
      [own, `to-r-${host}`, `${net}.1/24`],
      [['-n', 'router'], far, `${net}.2/24`],
    ] as const) {
      await ip(...where, 'address', 'add', address, 'dev', link)
      await ip(...where, 'link', 'set', link, 'gso_max_segs', '1', 'up')
    }
    await ip(...own, 'route', 'add', other, 'via', `${net}.2`)
  }
  await run('ip', [...inside('router').slice(1), 'sysctl', '-qw', 'net.ipv4.ip_forward=1'])
  return {
    a: '10.0.1.1',
    b: '10.0.2.1',
    interface: 'to-r-a',
    inside: { router: inside('router'), b: inside('b') },
    setParameters: set,
    async route(attributes) {
      await ip(
        'route',
        'replace',
        NETS[0].other,
        'via',
        `${NETS[0].net}.2`,
        ...attributes.split(' '),
      )
    },
    async limitRate(rate, queueBytes, burstBytes = 3000) {
      const queue = ['tbf', 'rate', rate, 'burst', String(burstBytes), 'limit', String(queueBytes)]
      await run('tc', ['-n', 'router', 'qdisc', 'replace', 'dev', 'r-b', 'root', ...queue])
    },
  }
}
