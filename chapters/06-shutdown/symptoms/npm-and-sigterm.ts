/**
 * Symptom: SIGTERM ends npm, and the server that npm started goes on, or dies without a chance to stop.
 *
 *   node --import tsx chapters/06-shutdown/symptoms/npm-and-sigterm.ts
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const SERVER = `
  const server = require('node:net').createServer(socket => socket.on('error', () => {}).resume())
  server.listen(0, '127.0.0.1', () => console.log('listening', server.address().port))
  process.on('SIGTERM', () => {
    console.log('SIGTERM has arrived')
    server.close()
  })`

const SCRIPTS = ['node server.cjs | cat', 'exec node server.cjs']

if (process.platform === 'win32' || spawnSync('sh', ['-c', 'command -v npm']).status !== 0) {
  console.log('skipped: needs npm, and a system with signals')
  process.exit(0)
}
const folder = mkdtempSync(join(tmpdir(), 'npm-and-sigterm-'))
const groups: number[] = []
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
process.on('exit', () => {
  groups.forEach(endGroup)
  rmSync(folder, { recursive: true })
})

writeFileSync(join(folder, 'server.cjs'), SERVER)
const scripts = Object.fromEntries(SCRIPTS.map((script, index) => [`start${index}`, script]))
writeFileSync(join(folder, 'package.json'), JSON.stringify({ scripts }))
const reports = await Promise.all(SCRIPTS.map((script, index) => stop(script, `start${index}`)))
console.log(reports.join('\n'))
console.log(`here, for "node server.cjs" alone, ${whatShDoes()}`)

/** Starts a server by npm, sends SIGTERM to npm, and reports what has become of the two. */
async function stop(script: string, name: string): Promise<string> {
  const npm = spawn('npm', ['run', '--silent', name], {
    cwd: folder,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  groups.push(npm.pid!)
  const printed: string[] = []
  const lines = createInterface({ input: npm.stdout }).on('line', line => printed.push(line))
  const closed = once(lines, 'close')
  await once(lines, 'line')
  const exited = once(npm, 'exit')
  npm.kill('SIGTERM')
  const [code, signal] = await exited
  const isUp = await accepts(Number(printed[0]!.split(' ')[1]))
  endGroup(npm.pid!)
  await closed
  return [
    `"start": "${script}"`,
    `  npm: ${signal === null ? `exit code ${code}` : `ended by ${signal}`}`,
    `  server: ${printed[1] ?? 'no SIGTERM has arrived'}; ${isUp ? 'it still listens' : 'it has ended'}`,
  ].join('\n')
}

/** Ends what is left of the processes that npm has started. */
function endGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // all of them have ended
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  return once(socket, 'connect')
    .then(
      () => true,
      () => false,
    )
    .finally(() => socket.destroy())
}

/** Whether the shell stays in between, where a script is nothing but one command. */
function whatShDoes(): string {
  const node = `'${process.execPath}' -p process.ppid`
  const { stdout } = spawnSync('sh', ['-c', node], { encoding: 'utf8' })
  return Number(stdout) === process.pid
    ? 'sh replaces itself by node, and SIGTERM arrives'
    : 'sh stays between npm and node, too'
}
