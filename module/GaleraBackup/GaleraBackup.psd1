@{
    RootModule           = 'bin/GaleraBackup.dll'
    ModuleVersion        = '0.1.0'
    GUID                 = '7a3b7f0e-6c0e-4b7e-9f59-3f6c1f7d6a55'
    Author               = 'The GaleraBackup maintainers'
    CompanyName          = 'GaleraBackup'
    Copyright            = '(c) The GaleraBackup maintainers. MIT licence.'
    Description          = 'Physical backups of MariaDB Galera clusters on Kubernetes: taken without hurting the cluster.'
    PowerShellVersion    = '7.4'
    CompatiblePSEditions = @('Core')
    FormatsToProcess     = @('GaleraBackup.Format.ps1xml')
    FunctionsToExport    = @()
    AliasesToExport      = @()
    VariablesToExport    = @()
    CmdletsToExport      = @(
        'Get-GaleraBackup'
        'Invoke-GaleraBackup'
        'Remove-OldBackup'
        'Select-BackupReplica'
        'Set-GaleraBackup'
        'Set-WsrepDesync'
        'Start-BackupRunner'
        'Test-GaleraCluster'
    )
    PrivateData          = @{
        PSData = @{
            Tags = @('MariaDB', 'Galera', 'Kubernetes', 'Backup', 'mariabackup', 'PSEdition_Core', 'Linux', 'Windows', 'MacOS')
        }
    }
}
