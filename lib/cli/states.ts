/**
 * `npm run states`: runs every TCP example under the kernel's own trace, and notes which steps of the
 * state machine it takes; then experiments, for the steps that no example takes.
 */
import { release } from 'node:os'
import { type CatalogueEntry, entriesOf, loadChapters } from '#lib/catalogue/index.ts'
import { withCommand } from '#lib/kernel/privileges.ts'
import { missing } from '#lib/kernel/requirements.ts'
import { startTracefs } from '#lib/kernel/tracefs.ts'
import { traceExample } from '#lib/observe/trace-example.ts'
import { writeIfNew } from '#lib/pages/recordings.ts'
import { renderStateDiagram } from '#lib/pages/state-diagram.ts'
import {
  DIAGRAM,
  nameOf,
  TRANSITIONS,
  type Witnesses,
  witnessesText,
} from '#lib/pages/state-machine.ts'
import { type ListedExperiment, loadExperiments } from '#lib/textbook/load-experiments.ts'
import { runExperiment } from '#lib/textbook/run-experiment.ts'
import { runCommand } from './run-command.ts'

const USAGE = `Watches which steps of TCP's state machine the examples take, for docs/tcp-state-machine.md.

usage: sudo npm run states    takes about two minutes; other programs should keep quiet`

/** So many witnesses are enough for a step. */
const ENOUGH = 3
/** What tracefs cannot show, and which claims saw it in the kernel's table instead. */
const IN_THE_TABLE: Record<string, string[]> = { 'TIME-WAIT → CLOSED': ['6.16', '6.26'] }

await runCommand({ name: 'npm run states', usage: USAGE, wordless: true, run: states })

async function states(): Promise<number> {
  const lacks = missing('tracefs')
  if (lacks !== undefined) {
    console.error(`the kernel's states cannot be traced: ${withCommand(lacks, 'npm run states')}`)
    return 1
  }
  const seen: Record<string, string[]> = {}
  const note = (name: string, witness: string) => {
    const witnesses = seen[name] ?? []
    seen[name] = witnesses
    if (witnesses.length < ENOUGH && !witnesses.includes(witness)) witnesses.push(witness)
  }
  for (const entry of entriesOf(await loadChapters())) {
    if (entry.example.transport !== 'tcp') continue
    const steps = await stepsOfExample(entry)
    if ('trouble' in steps) {
      console.error(`${entry.id}: ${steps.trouble}`)
      return 1
    }
    for (const name of steps.names) note(name, entry.id)
    console.log(`${entry.id}: ${steps.names.length} steps`)
  }
  const wanted = () => TRANSITIONS.map(nameOf).filter(name => seen[name] === undefined)
  const experiments = await loadExperiments()
  for (const one of experiments) {
    if (one.experiment.slow || wanted().length === 0) continue
    const names = await stepsOfExperiment(one)
    const fresh = names.filter(name => wanted().includes(name))
    for (const name of fresh) note(name, one.experiment.claims[0]!.id)
    if (fresh.length > 0) console.log(`${one.experiment.claims[0]!.id}: ${fresh.join(', ')}`)
  }
  const ids = experiments.flatMap(({ experiment }) => experiment.claims.map(({ id }) => id))
  for (const [name, witnesses] of Object.entries(IN_THE_TABLE))
    for (const id of witnesses.filter(id => ids.includes(id))) note(name, id)
  save(seen)
  for (const name of wanted()) console.log(`not seen: ${name}`)
  return 0
}

function save(seen: Record<string, string[]>): void {
  const order = TRANSITIONS.map(nameOf)
  const witnesses: Witnesses = {
    kernel: release(),
    node: process.version,
    date: new Date().toISOString().slice(0, 10),
    seen: Object.fromEntries(order.filter(name => seen[name]).map(name => [name, seen[name]!])),
  }
  const { name, text } = witnessesText(witnesses)
  if (writeIfNew(name, text)) console.log(`wrote ${name}`)
  if (writeIfNew(DIAGRAM, renderStateDiagram(witnesses))) console.log(`wrote ${DIAGRAM}`)
}

/** The steps that the sockets of an example take, each once. */
async function stepsOfExample(
  entry: CatalogueEntry,
): Promise<{ names: string[] } | { trouble: string }> {
  const names = new Set<string>()
  let reason: string | undefined
  const { trouble } = await traceExample(entry, {
    lanes: ['state'],
    onEvent: event => {
      if (event.lane === 'state') names.add(nameOf(event))
    },
    onLane: (lane, status, why) => {
      if (lane === 'state' && status !== 'live') reason = why ?? status
    },
  })
  if (trouble !== undefined) return { trouble }
  if (reason !== undefined) return { trouble: `the kernel's states cannot be traced: ${reason}` }
  return { names: [...names] }
}

/**
 * The steps that are taken anywhere on the machine while an experiment runs. Those into CLOSED are
 * left out: TIME-WAIT looks the same in the trace.
 */
async function stepsOfExperiment(one: ListedExperiment): Promise<string[]> {
  const names = new Set<string>()
  const tracing = await startTracefs({
    events: ['sock/inet_sock_set_state'],
    onTrace: record => {
      if (record.kind === 'state' && !['FIN-WAIT-2', 'CLOSING'].includes(record.from)) {
        names.add(nameOf(record))
      }
    },
  })
  try {
    await runExperiment(one)
  } finally {
    await tracing.stop()
  }
  return [...names]
}
