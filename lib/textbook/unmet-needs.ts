import { isolation } from '#lib/kernel/isolation.ts'
import { withCommand } from '#lib/kernel/privileges.ts'
import { type Requirement, shortfall } from '#lib/kernel/requirements.ts'

/** What is missing here of what an experiment or a claim needs, each reason once, in short. */
export function unmetNeeds(needs: readonly Requirement[]): string[] {
  const reasons = needs.flatMap(need => lackOf(need)?.needs ?? [])
  return [...new Set(reasons)].map(reason => withCommand(reason, 'npm run textbook'))
}

/** Experiments capture in their private network, where there is one: that may take less. */
function lackOf(need: Requirement): ReturnType<typeof shortfall> {
  const isPrivate = need === 'tcpdump' && isolation()?.by === 'user namespace'
  return isPrivate && shortfall('private tcpdump') === undefined ? undefined : shortfall(need)
}
