# A server that says there is one StatefulSet with one pod, whose address answers no SQL. It stands for no cluster: it only leads the module
# as far as its SQL client where there is no lab: the isolation of that client is tested, and what the parameters lead to.

$script:StatefulSets = @{
    kind = 'StatefulSetList'; apiVersion = 'apps/v1'; metadata = @{}
    items = @(@{
            metadata = @{ name = 'mariadb-server'; namespace = 'openstack'; uid = '1' }
            spec     = @{
                replicas = 1; serviceName = 'mariadb'; selector = @{ matchLabels = @{ app = 'mariadb' } }
                template = @{ metadata = @{}; spec = @{ containers = @(@{ name = 'mariadb'; image = 'mariadb'; ports = @(@{ containerPort = 3306 }) }) } }
            }
            status   = @{ replicas = 1; readyReplicas = 1 }
        })
} | ConvertTo-Json -Depth 12

$script:Pods = @{
    kind = 'PodList'; apiVersion = 'v1'; metadata = @{}
    items = @(@{
            metadata = @{
                name = 'mariadb-server-0'; namespace = 'openstack'; uid = '2'; labels = @{ app = 'mariadb' }
                ownerReferences = @(@{ apiVersion = 'apps/v1'; kind = 'StatefulSet'; name = 'mariadb-server'; uid = '1'; controller = $true })
            }
            spec     = @{
                nodeName = 'node-0'; securityContext = @{ runAsUser = 999; runAsGroup = 999 }
                containers = @(@{
                        name = 'mariadb'; image = 'mariadb'; ports = @(@{ containerPort = 3306 })
                        volumeMounts = @(@{ name = 'mysql-data'; mountPath = '/var/lib/mysql' })
                    })
                volumes = @(@{ name = 'mysql-data'; persistentVolumeClaim = @{ claimName = 'mysql-data-mariadb-server-0' } })
            }
            status   = @{ phase = 'Running'; podIP = '127.0.0.77'; conditions = @(@{ type = 'Ready'; status = 'True' }) }
        })
} | ConvertTo-Json -Depth 12

function Open-ApiStub {
    # Emits the stub; close it with Close-ApiStub.
    [CmdletBinding()]
    param(
        [Parameter(Mandatory)]
        [int] $Port,

        # More that it answers: JSON by the end of the address.
        [hashtable] $Answer = @{}
    )

    $answers = @{ '/statefulsets' = $StatefulSets; '/pods' = $Pods } + $Answer
    $listener = [System.Net.HttpListener]::new()
    $listener.Prefixes.Add("http://127.0.0.1:$Port/")
    $listener.Start()
    $shell = [powershell]::Create().AddScript({
            param($Listener, $Answers)

            while ($Listener.IsListening) {
                try {
                    $context = $Listener.GetContext()
                }
                catch {
                    return
                }

                $path = $context.Request.Url.AbsolutePath
                $body = $Answers[$path.Substring($path.LastIndexOf('/'))]
                $context.Response.StatusCode = $body ? 200 : 404
                $body ??= '{"kind":"Status","apiVersion":"v1","status":"Failure","code":404,"message":"not found"}'
                $context.Response.ContentType = 'application/json'
                $context.Response.Close([System.Text.Encoding]::UTF8.GetBytes($body), $false)
            }
        }).AddArgument($listener).AddArgument($answers)
    [pscustomobject]@{ Listener = $listener; Shell = $shell; Running = $shell.BeginInvoke() }
}

function Close-ApiStub {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory)]
        [psobject] $Stub
    )

    $Stub.Listener.Close()
    $null = $Stub.Shell.EndInvoke($Stub.Running)
    $Stub.Shell.Dispose()
}

Export-ModuleMember -Function *
