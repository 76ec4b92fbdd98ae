// Request and answer as package playground has them in Go.

export interface Request { pod: string; namespace: string; templates: string; steps?: boolean }
export interface Finding { file: string; line?: number; column?: number; severity: string; reason?: string; message: string; hint?: string }
export interface Step { instance?: string; yaml: string }
export interface Variable { name: string; value: unknown; message?: string }
export interface Expression { path: string; line?: number; column?: number; source: string; value: unknown; cost: number; message?: string }
export interface Values { instance: string; template: string; variables: Variable[]; expressions: Expression[]; cost: number }
export interface Rule { reason: string; passed: boolean; text: string }
export interface Container { name: string; image?: string; role: string; counts: boolean; instance?: string; gets?: string[] }
export interface Setting { name: string; value: string; origin: string; at?: string }
export interface Permission { apiGroups?: string[]; resources?: string[]; verbs?: string[]; namespaces?: string[] }
export interface Instance {
  name: string; template: string; revision?: string; origin?: string; description?: string; outcome: string; reason: string; detail?: string;
  askedBy?: string; askedAt?: string; targets?: string[]; parameters?: Setting[]; notes?: string[]; apart?: string[]; outdated?: string; rules?: Rule[];
}
export interface Remedy { text: string; command?: string; lines?: string[] }
export interface Explanation {
  ready?: string; containers?: Container[]; instances?: Instance[]; podGets?: string[]; rules?: Rule[]; remedies?: Remedy[]; warnings?: string[];
}
export interface Pod {
  title: string; verdict: string; outcome: string; reason: string; explanation: Explanation; patch?: string; steps?: Step[]; values?: Values[];
}
export interface Limits { expression: number; instance: number }
export interface Answer { error?: string; findings?: Finding[]; pods?: Pod[]; diff?: string; limits?: Limits }
export interface Row { namespace: string; kind: string; name: string; instance?: string; template?: string; state: string; why?: string; pods: number }
export interface ClusterTemplate { name: string; namespace?: string; source: string; revision?: string; fault?: string }
