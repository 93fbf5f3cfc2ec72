import { readFileSync } from 'node:fs'
import { attempt, type Refusal } from './attempt.ts'
import { isolation, isolationRefusal, namespaceSettings } from './isolation.ts'
import {
  explainRefusal,
  missingPrivileges,
  ownPrivileges,
  REQUIRED,
  type Shortfall,
} from './privileges.ts'
import { straceCommand } from './strace-command.ts'
import { missingTool, type Tool, toolPath } from './tools.ts'
import { instanceName, tracefsWays } from './tracefs-instance.ts'

/** What an experiment, a lane of the trace or a test cannot do without. */
export type Requirement =
  | 'linux'
  | 'namespace'
  | 'root'
  | 'nft'
  | 'tcpdump'
  | 'private tcpdump'
  | 'tracefs'
  | 'strace'
  | 'ss'
  | 'ss -K'
  | 'cc'
  | 'socket tables'

const known = new Map<string, Shortfall | undefined>()

/**
 * Why a requirement is not met here, and what would bring it; undefined where it is met. It is found
 * out by trying, once for each PATH.
 *
 * @example
 * ```ts
 * import { shortfall } from '#lib/kernel/requirements.ts'
 *
 * console.log(shortfall('nft')?.needs ?? 'nft works')
 * ```
 */
export function shortfall(requirement: Requirement): Shortfall | undefined {
  const key = `${requirement} ${toolPath()}`
  if (!known.has(key)) known.set(key, find(requirement))
  return known.get(key)
}

/** The same in one sentence, with what was tried and what came back. */
export function missing(requirement: Requirement): string | undefined {
  const found = shortfall(requirement)
  if (found?.evidence === undefined) return found?.needs
  return `${found.needs}; ${found.evidence}`
}

function find(requirement: Requirement): Shortfall | undefined {
  if (process.platform !== 'linux' && requirement !== 'cc') return { needs: 'needs Linux' }
  switch (requirement) {
    case 'linux':
      return undefined
    case 'root':
      return findRoot()
    case 'namespace':
      return findNamespace()
    case 'tracefs':
      return findTracefs()
    case 'tcpdump':
      return absent('tcpdump') ?? cannotEndCapture() ?? findCapture()
    case 'private tcpdump':
      return absent('tcpdump') ?? shortfall('namespace') ?? findPrivateCapture()
    case 'nft':
      return absent('nft') ?? shortfall('namespace') ?? findNft()
    case 'strace':
      return absent('strace') ?? findStrace()
    case 'ss':
      return absent('ss') ?? refused(attempt('ss -t', ['ss', '-t', '-n']), [])
    case 'ss -K':
      return shortfall('ss') ?? shortfall('namespace') ?? findKill()
    case 'cc':
      return absent('cc') ?? refused(attempt('cc', COMPILE, { input: '#include <stdio.h>\n' }), [])
    case 'socket tables':
      return findTables()
  }
}

function absent(...tools: readonly Tool[]): Shortfall | undefined {
  const needs = missingTool(...tools)
  return needs === undefined ? undefined : { needs }
}

function refused(
  refusal: Refusal | undefined,
  required: Parameters<typeof explainRefusal>[1],
): Shortfall | undefined {
  return refusal && explainRefusal(refusal, required)
}

function findRoot(): Shortfall | undefined {
  if (!ownPrivileges().isRoot) return { needs: 'needs root (sudo)' }
  const needs = missingPrivileges(REQUIRED.all)
  return needs === undefined ? undefined : { needs }
}

/** Settings that forbid user namespaces are named: they were read, and belong beside the refusal. */
function findNamespace(): Shortfall | undefined {
  const refusal = isolationRefusal()
  if (refusal === undefined) return undefined
  const tool = absent('unshare', 'mount', 'ip')
  if (tool) return tool
  const { needs, evidence } = explainRefusal(refusal, REQUIRED.namespaces)
  const settings = ownPrivileges().isRoot ? [] : namespaceSettings()
  const all = [...(evidence === undefined ? [] : [evidence]), ...settings].join('; ')
  return all === '' ? { needs } : { needs, evidence: all }
}

function findTracefs(): Shortfall | undefined {
  let first: Refusal | undefined
  for (const { tried, command, script, args } of tracefsWays()) {
    const tool = command.length > 0 ? missingTool('unshare', 'mount') : undefined
    const words = [...command, 'sh', '-c', script, 'sh', ...args, instanceName()]
    const refusal = tool ? { tried, said: tool } : attempt(tried, words)
    if (refusal === undefined) return undefined
    if (tool && first === undefined) return { needs: tool }
    first ??= refusal
  }
  return refused(first, REQUIRED.tracing)
}

/** In a private network, as experiments use it: a table, a chain of packets that come in, a rule. */
function findNft(): Shortfall | undefined {
  const way = isolation()!
  const chain = 'chain c { type filter hook input priority 0; counter drop; };'
  const words = [way.command, ...way.args, 'nft', '--json', `table inet t { ${chain} }`]
  return refused(attempt('nft', words), [])
}

/** It lists the sockets that it has removed. A kernel that cannot remove any is not an error for it. */
function findKill(): Shortfall | undefined {
  const way = isolation()!
  const shell = 'ip link set lo up && exec "$0" -e "$1"'
  const words = [way.command, ...way.args, 'sh', '-c', shell, process.execPath, KILL]
  return refused(attempt('ss -K', words), [])
}

/** Makes a socket in a private network, and has it removed. */
const KILL = `
const { spawnSync } = require('node:child_process')
const server = require('node:net').createServer().listen(0, '127.0.0.1', () => {
  const { stdout } = spawnSync('ss', ['-tlnHK', 'sport', '=', ':' + server.address().port])
  if (stdout.length > 0) process.exit(0)
  console.error('it removed no socket (CONFIG_INET_DIAG_DESTROY)')
  process.exit(1)
})`

/** A program that it traces has to end as without it, and strace to have nothing to complain of. */
function findStrace(): Shortfall | undefined {
  return refused(attempt('strace true', straceCommand(['true'], 1), { quiet: true }), [])
}

/**
 * Root that may not send signals to other users could start tcpdump, but never end it: tcpdump
 * becomes another user. So that is looked at before anything is started.
 */
export function cannotEndCapture(): Shortfall | undefined {
  const { isRoot, has } = ownPrivileges()
  const needs = isRoot && !has('CAP_KILL') ? missingPrivileges(REQUIRED.capture) : undefined
  return needs === undefined ? undefined : { needs }
}

function findCapture(): Shortfall | undefined {
  return refused(attempt('tcpdump -i lo', ['sh', '-c', CAPTURE]), REQUIRED.capture)
}

/** In a private network an ordinary user may capture, too: there it has what that takes. */
function findPrivateCapture(): Shortfall | undefined {
  const way = isolation()!
  const words = [way.command, ...way.args, 'sh', '-c', `ip link set lo up\n${CAPTURE}`]
  return refused(attempt('tcpdump -i lo', words), REQUIRED.capture)
}

function findTables(): Shortfall | undefined {
  try {
    readFileSync('/proc/net/tcp', 'latin1')
    return undefined
  } catch (error) {
    return { needs: `cannot read the table of sockets: ${(error as Error).message}` }
  }
}

const COMPILE = ['cc', '-x', 'c', '-fsyntax-only', '-']

/**
 * Starts a capture and ends it as soon as tcpdump says that it listens, which it does when it has
 * opened the interface and changed its user. Prints the first line that tcpdump says instead.
 */
const CAPTURE = `
{ tcpdump -i lo -n </dev/null >/dev/null & echo "pid $!"; wait $!; } 2>&1 | {
  while read -r line; do
    case $line in
      'pid '*) pid=\${line#pid };;
      *'listening on'*) kill "$pid"; exit 0;;
      *'verbose output'* | *'dropped privs'*) ;;
      *) [ "$said" ] || said=$line;;
    esac
  done
  echo "$said"
  exit 1
}`
