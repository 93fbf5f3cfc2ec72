import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A rule that swallows packets. */
export interface Drop {
  /** How many packets it has swallowed so far. */
  count(): Promise<number>
  /** From now on, everything passes again. */
  lift(): Promise<void>
}

/** A rule as nft prints it. */
interface NftRule {
  handle: number
  expr: { counter?: { packets: number } }[]
}

/** What `nft --json` prints: what it lists, or, with `--echo`, what it added. See libnftables-json(5). */
interface NftOutput {
  nftables: { rule?: NftRule; add?: { rule?: NftRule } }[]
}

/**
 * Swallows packets that match, as a broken line would: on their way in, after tcpdump saw them.
 *
 * `hook`: `input` for what is addressed to this host, `forward` for what a router passes on, `output` for
 * what this host sends: the sender is told of that one, and tcpdump never sees it.
 *
 * `match` is nft's language: `tcp dport 7020 tcp flags & (syn|ack) == ack`. To lose only the first
 * few, add `limit rate …` or a quota, or lift the rule when `count` is reached.
 *
 * Only in a private namespace: on a host it would cut real lines.
 *
 * @throws {Error} in nft's words, when the rule cannot be read.
 * @see nft(8)
 */
export async function dropPackets(
  match: string,
  inside: readonly string[] = [],
  hook: 'input' | 'forward' | 'output' = 'input',
): Promise<Drop> {
  const nft = async (...words: string[]) => {
    const [command = 'nft', ...args] = [...inside, 'nft', ...words]
    const { stdout } = await run(command, args)
    return stdout
  }
  await nft('add', 'table', 'inet', 'lab')
  const type = `{ type filter hook ${hook} priority 0 ; policy accept ; }`
  await nft('add', 'chain', 'inet', 'lab', hook, type)
  const rule = ['add', 'rule', 'inet', 'lab', hook, match, 'counter', 'drop']
  const added = await nft('--json', '--echo', '--handle', ...rule)
  const handle = (JSON.parse(added) as NftOutput).nftables.find(({ add }) => add?.rule)?.add?.rule
    ?.handle
  if (handle === undefined) throw new Error(`nft did not name the rule: ${added.trim()}`)
  return {
    async count() {
      const { nftables } = JSON.parse(
        await nft('--json', '--handle', 'list', 'chain', 'inet', 'lab', hook),
      ) as NftOutput
      const ours = nftables.find(({ rule }) => rule?.handle === handle)?.rule
      return ours?.expr.find(({ counter }) => counter)?.counter?.packets ?? 0
    },
    async lift() {
      await nft('delete', 'rule', 'inet', 'lab', hook, 'handle', String(handle))
    },
  }
}
